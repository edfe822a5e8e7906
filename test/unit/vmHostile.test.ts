import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { createMachine } from '../../extension/core/vm/machine.ts';
import { runBytecode } from '../../extension/core/vm/rawProgram.ts';
import { InvalidInstruction } from '../../extension/core/vm/isa/code.ts';
import { Fault } from '../../extension/core/vm/memory/regions.ts';
import { mutate, seeded } from '../support/bpfFixture.ts';
import { repository } from '../support/toolchain.ts';
import { compileFixture } from '../support/vmKernel.ts';

const engineOf = (round: number): 'interpreter' | 'wasm' => (round % 2 === 0 ? 'interpreter' : 'wasm');

/** Objects and bytecode of strangers: the machine says no, or runs them; it never breaks. */
test.for([
  ['vmPacket', () => compileFixture('vmPacket', [])],
  ['vmMaps', () => compileFixture('vmMaps', [])],
  ['vmCore', () => compileFixture('vmCore', [])],
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
