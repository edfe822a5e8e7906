import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { repository } from '../support/toolchain.ts';

/** Counts what malloc has given out (struct mallinfo2 of malloc.h: the eighth and the fifth of ten size_t) around many copies. */
const counting = `
import koffi from 'koffi';
import { openLibrary } from './extension/kernel/ffi/library.ts';
import { copyOut, nativeCopy } from './extension/kernel/ffi/memory.ts';

const mallinfo2 = openLibrary(null).func('mallinfo2', koffi.struct({ before: koffi.array('size_t', 4), mapped: 'size_t',
  between: koffi.array('size_t', 2), used: 'size_t', after: koffi.array('size_t', 2) }), []);
// The least of some looks: V8 compiles and sweeps on other threads, with hundreds of KiB for the moment.
const used = async () => {
  let least = Infinity;
  for (let look = 0; look < 20; look++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 25));
    const all = mallinfo2();
    least = Math.min(least, all.used + all.mapped);
  }
  return least;
};
let wrong = 0;
const copies = (count) => {
  for (let index = 0; index < count; index++) {
    const bytes = Uint8Array.from({ length: index % 1515 }, (_, at) => index * 31 + at * 7);
    // A view into the middle of something larger.
    const given = new Uint8Array([1, 2, 3, ...bytes, 4]).subarray(3, 3 + bytes.length);
    const pointer = nativeCopy(given);
    if (!Buffer.from(bytes).equals(copyOut(pointer, bytes.length))) wrong++;
    koffi.free(pointer);
  }
};
void (async () => {
  copies(4000);
  const before = await used();
  copies(20000);
  console.log(JSON.stringify({ wrong, grown: (await used()) - before }));
})();
`;

test('copies to and from native memory are exact, and leave nothing behind in koffi', async () => {
  // In the project: koffi is found there.
  const folder = mkdtempSync(path.join(repository, '.cache', 'native-memory-'));
  try {
    const script = path.join(folder, 'counting.cjs');
    const stdin = { contents: counting, resolveDir: repository, loader: 'ts' } as const;
    await build({ stdin, outfile: script, bundle: true, platform: 'node', external: ['koffi'], logLevel: 'error' });
    // mallinfo2() counts free blocks in a thread's cache as used: none is kept.
    const env = { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.tcache_count=0' };
    const found = execFileSync(process.execPath, ['--expose-gc', script], { env, encoding: 'utf8' });
    const { wrong, grown } = JSON.parse(found) as { wrong: number; grown: number };
    expect(wrong).toBe(0);
    // With a type of koffi's for each copy it was 600 KiB and more.
    expect(grown).toBeLessThan(64 * 1024);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
