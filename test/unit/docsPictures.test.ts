import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pictures } from '../ui/pictureList.mjs';

const root = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, root), 'utf8');

test('every picture is made by a browser test, and shown by both READMEs', () => {
  const kept = readdirSync(new URL('docs/images', root)).sort();
  expect(pictures.map(({ picture }) => picture).sort()).toEqual(kept);
  for (const { picture, test: name, from } of pictures) {
    const taken = /^(?:screenshots|films)\/(.+)\.\w+$/.exec(from)?.[1] ?? '';
    expect(read(`test/ui/${name}.test.ts`), picture).toContain(`'${taken}'`);
  }
  for (const readme of ['README.md', 'README.zh-CN.md']) {
    const shown = [...read(readme).matchAll(/\(docs\/images\/([^)]+)\)/g)].map(([, file]) => file ?? '');
    expect(shown.sort(), readme).toEqual(kept);
  }
});
