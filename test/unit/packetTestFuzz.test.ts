import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { applyEdits, editTests } from '../../extension/core/packetTest/edit.ts';
import { outlineTests } from '../../extension/core/packetTest/outline.ts';
import { parseMapSetups, parseTestFile } from '../../extension/core/packetTest/parseTestFile.ts';
import type { Problem } from '../../extension/core/packetTest/problems.ts';
import { count, randomNumbers, seed } from '../support/soak.ts';

/** A test file of anybody's: read, or refused with words and a place; never a crash, never a hang. In full by `npm run soak`. */
const folder = resolve(import.meta.dirname, '../../bpf/examples');
const originals = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.xdptest.json'))
  .map((file) => readFileSync(resolve(folder, file), 'utf8'));

/** What such files are made of, at places where it does not belong. */
const pieces = [
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"',
  '\\',
  '\\u12',
  '//',
  '/*',
  '*/',
  '\n',
  '\t',
  '\u2028',
  '\ud800',
  '',
  '0',
  '-',
  '1e9',
  '9'.repeat(30),
  '[['.repeat(40),
  '"packets":',
  '"packet":',
  '"maps":',
  '"expect":',
  '"events":',
  '"records":[{',
  '"type":"event"',
  '"hex":"0',
  '"mask":"ff"',
  '"pcap":"a.pcap"',
  '"context":{"linear":',
  'Ether()/',
  'IP(',
  "src='",
  'Raw(b"',
  '*1000000',
  'null',
  'true',
  '"__proto__":',
  '"constructor":',
  '"durationNs":',
  '"values":[',
  '"absent":true',
  '"index":0',
  '"sum":{',
];

function damaged(random: () => number): string {
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  let text = pick(originals) ?? '';
  // A part of a file is as good as a whole one, and faster.
  if (random() < 0.7) {
    const start = Math.floor(random() * text.length);
    text = text.slice(0, 80) + text.slice(start, start + 1500);
  }
  for (let change = 1 + Math.floor(random() * 6); change > 0; change--) {
    const at = Math.floor(random() * (text.length + 1));
    const cut = Math.floor(random() * random() * 40);
    text = text.slice(0, at) + (random() < 0.7 ? (pick(pieces) ?? '') : '') + text.slice(at + cut);
  }
  return text;
}

function checkPlaces(text: string, problems: readonly Problem[]): void {
  for (const { line, column, offset, length, message } of problems) {
    expect(message).not.toBe('');
    expect(offset).toBeLessThanOrEqual(text.length);
    expect(length).toBeGreaterThanOrEqual(0);
    expect(text.split(/\r\n|\r|\n/)[line - 1]?.length).toBeGreaterThanOrEqual(column - 1);
  }
}

test('damaged test files have problems with places', { timeout: 24 * 3600_000 }, () => {
  const random = randomNumbers(seed);
  let read = 0;
  for (let round = 0; round < count(3000, 1_000_000); round++) {
    const text = damaged(random);
    const { file, problems } = parseTestFile(text);
    expect(file === undefined).toBe(problems.length > 0);
    if (file !== undefined) read++;
    // Looking each line up costs more than reading the file.
    if (round % 10 === 0) checkPlaces(text, problems);
    checkPlaces(text, parseMapSetups(text).problems.slice(0, 1));
  }
  expect(read).toBeGreaterThan(0);
});

test('what edits make of a damaged file is said or done, and the rest stays', { timeout: 24 * 3600_000 }, () => {
  const random = randomNumbers(seed + 1);
  for (let round = 0; round < count(500, 100_000); round++) {
    const text = damaged(random);
    const before = outlineTests(text).tests.length;
    try {
      const after = applyEdits(text, editTests(text, { kind: 'append', value: { name: 'new', packet: '00' } }));
      expect(outlineTests(after).tests.length, text).toBe(before + 1);
    } catch (error) {
      expect(error).toBeInstanceOf(XdpError);
    }
  }
});
