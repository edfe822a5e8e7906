import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { functionsOf } from '../../extension/core/object/programs.ts';
import { readElf } from '../../extension/core/elf/readElf.ts';
import { decode } from '../../extension/core/vm/isa/decode.ts';
import { disassemble } from '../../extension/core/vm/isa/disassemble.ts';
import { compileSourceWith } from '../support/dwarfdump.ts';
import { clangs } from '../support/toolchain.ts';

/** Slot → instruction of one section, with absolute jump targets and plain decimal numbers, as ours are. */
function llvmListing(elf: Uint8Array, section: string, processor: string): Map<number, string> {
  const folder = mkdtempSync(join(tmpdir(), 'xdp-objdump-'));
  try {
    const file = join(folder, 'object.o');
    writeFileSync(file, elf);
    const args = ['-d', '--no-show-raw-insn', `--mcpu=${processor}`, `--section=${section}`, file];
    const text = execFileSync('llvm-objdump', args, { encoding: 'utf8' });
    return new Map(
      [...text.matchAll(/^ +(\d+):\t(.*)$/gm)].map(([, slot, insn]) => [
        Number(slot),
        normalised(Number(slot), insn ?? ''),
      ]),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function normalised(slot: number, insn: string): string {
  return insn
    .replace(/ <.*>$/, '')
    .replace(/-?0x[0-9a-f]+/g, (hex) => String(hex.startsWith('-') ? -Number(hex.slice(1)) : Number(hex)))
    .replace(/goto ([+-]\d+)$/, (_, distance: string) => `goto ${slot + 1 + Number(distance)}`)
    .replace(/^call -1$/, 'call')
    .trim();
}

const sources = ['vmPacket', 'vmMaps', 'debugShapes'].map((name) => `test/fixtures/bpf/${name}.bpf.c`);

test.each(['v1', 'v2', 'v3'])('instructions read as llvm-objdump writes them: -mcpu=%s', (processor) => {
  let compared = 0;
  for (const source of sources) {
    const bytes = compileSourceWith(clangs[0] ?? 'clang', source, ['-O2', `-mcpu=${processor}`]);
    expect(bytes).toBeDefined();
    if (bytes === undefined) continue;
    const elf = readElf(bytes);
    for (const { section, offset, size } of functionsOf(elf)) {
      const code = decode(new Uint8Array(section.data.slice(offset, offset + size)));
      const listing = llvmListing(bytes, section.name, processor);
      const first = offset / 8;
      for (let slot = 0; slot < code.length; slot++) {
        const theirs = listing.get(first + slot);
        if (theirs === undefined) continue;
        // Calls of functions of the object are relocated, and accesses name 32-bit registers in newer versions.
        if (theirs.startsWith('call')) continue;
        const ours = disassemble(code, slot).replace(
          /goto (\d+)$/,
          (_, target: string) => `goto ${Number(target) + first}`,
        );
        expect(ours.replace(/ll$/, '').trim(), `${source} ${section.name} ${slot}`).toBe(plain(theirs));
        compared++;
      }
    }
  }
  expect(compared).toBeGreaterThan(500);
});

function plain(text: string): string {
  return text.replace(/ll$/, '').trim();
}
