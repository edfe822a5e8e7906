import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import type { Btf } from '../../extension/core/btf/types.ts';
import { layOutKconfig } from '../../extension/core/vm/link/kconfig.ts';
import { createMachine } from '../../extension/core/vm/machine.ts';
import { runBytecode } from '../../extension/core/vm/rawProgram.ts';
import { InvalidInstruction } from '../../extension/core/vm/isa/code.ts';
import { createMap } from '../../extension/core/vm/maps/createMap.ts';
import { Memory } from '../../extension/core/vm/memory/memory.ts';
import { Fault } from '../../extension/core/vm/memory/regions.ts';
import { mutate, seeded } from '../support/bpfFixture.ts';
import { repository } from '../support/toolchain.ts';
import { compileFixture } from '../support/vmKernel.ts';

const engineOf = (round: number): 'interpreter' | 'wasm' => (round % 2 === 0 ? 'interpreter' : 'wasm');

/** Debug information names places: the same bytes, and so the same damage, wherever this is checked out. */
const anywhere = [`-ffile-prefix-map=${repository}=/xdp`];

/** Objects and bytecode of strangers: the machine says no, or runs them; it never breaks. */
test.for([
  ['vmPacket', () => compileFixture('vmPacket', anywhere)],
  ['vmMaps', () => compileFixture('vmMaps', anywhere)],
  ['vmCore', () => compileFixture('vmCore', anywhere)],
  ['jumpTables', () => readFileSync(join(repository, 'test/fixtures/bpf/jumpTables.o'))],
] as const)('damaged copies of %s are refused or run, never more', ([, bytes]) => {
  const object = new Uint8Array(bytes());
  const random = seeded(5);
  let refused = 0;
  let ran = 0;
  for (let round = 0; round < 300; round++) {
    const copy = mutate(object, random);
    try {
      const machine = createMachine(copy, { fuel: 20_000, memoryLimit: 8_000_000, engine: engineOf(round) });
      for (const program of machine.linked.programs.keys())
        machine.runXdp({ program, packet: new Uint8Array(80).fill(round) });
      ran++;
    } catch (error) {
      if (!(error instanceof XdpError)) throw new Error(`round ${round}`, { cause: error });
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(20);
  expect(ran).toBeGreaterThan(20);
});

test('kernel options of gigabytes are refused before there is memory for them', () => {
  const btf: Btf = {
    types: [
      { kind: 'void', name: '' },
      { kind: 'int', name: 'char', size: 1, bits: 8, bitOffset: 0, signed: true, char: true, bool: false },
      { kind: 'array', name: '', type: 1, indexType: 1, nelems: 0xffff_0014 },
      { kind: 'var', name: 'CONFIG_LOCALVERSION', type: 2, linkage: 'extern' },
      { kind: 'datasec', name: '.kconfig', size: 0, vars: [{ type: 3, offset: 0, size: 0 }] },
    ],
  };
  expect(() => layOutKconfig(btf, { cpuCount: 2, hasKfunc: () => false }, [])).toThrow(
    /take 4294901780 bytes, more than 1048576/,
  );
});

/** The largest sizes that an object can name, for each type that the machine has: refused, or made and listed. */
test.each([
  'array',
  'percpu_array',
  'hash',
  'percpu_hash',
  'lru_hash',
  'lru_percpu_hash',
  'lpm_trie',
  'prog_array',
  'devmap',
  'devmap_hash',
  'cpumap',
  'xskmap',
  'queue',
  'stack',
  'bloom_filter',
  'ringbuf',
  'array_of_maps',
  'hash_of_maps',
])('a %s of any size takes no more than the machine may use', (type) => {
  const sizes = [4, 8, 4096, 0x7fff_ffff, 0xffff_fff9, 0xffff_ffff];
  for (const maxEntries of [1, 4096, 100_000_000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
    for (const keySize of [0, ...sizes]) {
      for (const valueSize of [0, ...sizes]) {
        const flags = type === 'lpm_trie' ? 1 : 0;
        const definition = { name: 'm', type, keySize, valueSize, maxEntries, flags };
        try {
          const map = createMap(definition, { memory: new Memory(8_000_000), number: 0, cpuCount: 2 });
          expect(map.read().count).toBeLessThanOrEqual(8_000_000);
        } catch (error) {
          if (!(error instanceof XdpError || error instanceof Fault))
            throw new Error(JSON.stringify(definition), { cause: error });
        }
      }
    }
  }
});

test('random bytecode is refused or runs, never more', () => {
  const random = seeded(23);
  // Opcodes that exist, so that most programs are not refused at once.
  const opcodes = [
    0x07, 0x0f, 0xb7, 0xbf, 0x61, 0x71, 0x79, 0x62, 0x63, 0x7b, 0x15, 0x1d, 0x25, 0x05, 0x27, 0x37, 0x3f, 0x97, 0x67,
    0xc7, 0xdb, 0x85, 0x95, 0xb4, 0x0c,
  ];
  let ended = 0;
  for (let round = 0; round < 3000; round++) {
    const count = 4 + random(12);
    const bytes = new Uint8Array((count + 1) * 8);
    for (let slot = 0; slot < count; slot++) {
      const at = slot * 8;
      const op = opcodes[random(opcodes.length)] ?? 0x95;
      const register = (op & 8) !== 0 || (op & 7) === 1 || (op & 7) === 3;
      bytes[at] = op;
      bytes[at + 1] = op === 0x95 || op === 0x05 || op === 0x85 ? 0 : random(10) | (register ? random(11) << 4 : 0);
      const jump = (op & 7) === 5 && op !== 0x85 && op !== 0x95;
      if (jump) bytes[at + 2] = random(Math.max(1, count - slot));
      if (!register && op !== 0x95 && op !== 0x05) bytes[at + 4] = random(op === 0x85 ? 10 : 256);
    }
    bytes[count * 8] = 0x95;
    try {
      runBytecode(bytes, new Uint8Array(32), 5000, engineOf(round));
      ended++;
    } catch (error) {
      if (!(error instanceof InvalidInstruction || error instanceof Fault))
        throw new Error(`round ${round}`, { cause: error });
    }
  }
  expect(ended).toBeGreaterThan(300);
});
