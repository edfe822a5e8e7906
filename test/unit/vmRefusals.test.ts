import { expect, test } from 'vitest';
import { runBytecode } from '../../extension/core/vm/rawProgram.ts';
import { assemble, slot } from '../support/vmAssembler.ts';

/** Bytecode that must not run, and the words that say why. */
function refused(name: string, program: string | readonly number[][], message: RegExp): void {
  test(name, () => {
    const bytes = typeof program === 'string' ? assemble(program) : Uint8Array.from(program.flat());
    expect(() => runBytecode(bytes, new Uint8Array(8), 100_000)).toThrow(message);
  });
}
const exit = slot(0x95, 0, 0, 0, 0);

// What is no program at all
refused('nothing', [], /empty/);
refused('half an instruction', [[0x95, 0, 0, 0]], /multiple of 8/);
refused('a 64-bit immediate without its second half', [slot(0x18, 0, 0, 0, 1)], /second half/);
refused(
  'a 64-bit immediate with rubbish in its second half',
  [slot(0x18, 0, 0, 0, 1), slot(0, 1, 0, 0, 0), exit],
  /reserved/,
);
refused('no exit', 'mov r0, 1', /past its last/);
refused('a jump that may fall off the end', 'exit\njeq r0, 1, -2', /past its last/);
refused('a jump before the program', 'ja -2\nexit', /leads to instruction -1/);
refused('a jump behind the program', 'ja 1\nexit', /leads to instruction 2/);
refused('a jump into a 64-bit immediate', 'ja 1\nlddw r0, 1\nexit', /middle/);
refused('a local call behind the program', 'local 5\nexit', /leads to/);

// Unknown opcodes and reserved fields
for (const [what, insn] of [
  ['opcode 0', slot(0x00, 0, 0, 0, 0)],
  ['opcode 0xff', slot(0xff, 0, 0, 0, 0)],
  ['arithmetic operation 0xe', slot(0xe7, 0, 0, 0, 0)],
  ['neg with a register', slot(0x8f, 0, 1, 0, 0)],
  ['bswap with the source bit', slot(0xdf, 0, 0, 0, 16)],
  ['jump operation 0xf', slot(0xf5, 0, 0, 0, 0)],
  ['call in JMP32', slot(0x86, 0, 0, 0, 5)],
  ['exit in JMP32', slot(0x96, 0, 0, 0, 0)],
  ['a sign-extending load of 8 bytes', slot(0x99, 0, 1, 0, 0)],
  ['a store with mode 0x80', slot(0x92, 1, 0, 0, 0)],
] as const) {
  refused(what, [[...insn], exit], /unknown opcode/);
}
for (const [what, insn] of [
  ['add immediate with a source', slot(0x07, 0, 1, 0, 1)],
  ['add register with an immediate', slot(0x0f, 0, 1, 0, 1)],
  ['add with an offset', slot(0x07, 0, 0, 1, 1)],
  ['div with offset 2', slot(0x37, 0, 0, 2, 1)],
  ['mov immediate with offset 8', slot(0xb7, 0, 0, 8, 1)],
  ['movsx32 of 32 bits', slot(0xbc, 0, 1, 32, 0)],
  ['neg with an immediate', slot(0x87, 0, 0, 0, 1)],
  ['a swap with a source', slot(0xd4, 0, 1, 0, 16)],
  ['ja with a register', slot(0x05, 1, 0, 0, 0)],
  ['gotol with an offset', slot(0x06, 0, 0, 1, 0)],
  ['exit with an immediate', slot(0x95, 0, 0, 0, 1)],
  ['jeq immediate with a source', slot(0x15, 0, 1, 0, 0)],
  ['jeq register with an immediate', slot(0x1d, 0, 1, 0, 1)],
  ['a load with an immediate', slot(0x61, 0, 1, 0, 1)],
  ['st with a source', slot(0x62, 1, 1, 0, 1)],
  ['stx with an immediate', slot(0x63, 1, 1, 0, 1)],
  ['lddw with an offset', slot(0x18, 0, 0, 1, 1)],
  ['call with an offset', slot(0x85, 0, 0, 1, 5)],
  ['may_goto with a register', slot(0xe5, 1, 0, 0, 0)],
] as const) {
  refused(what, [[...insn], slot(0, 0, 0, 0, 0), exit], /reserved value/);
}
refused('a swap of 24 bits', [slot(0xd4, 0, 0, 0, 24), exit], /24 bits/);
refused('register 11', [slot(0xbf, 11, 0, 0, 0), exit], /r11 does not exist/);
refused('register 15 as a source', [slot(0xbf, 0, 15, 0, 0), exit], /r15 does not exist/);
refused('writing the frame pointer', 'mov r10, 0\nexit', /read-only/);
refused('an atomic operation that does not exist', [slot(0xdb, 1, 0, 0, 0x20), exit], /atomic operation 0x20/);
refused('cmpxchg without its fetch bit', [slot(0xdb, 1, 0, 0, 0xf0), exit], /atomic operation 0xf0/);
refused('atomic arithmetic on a byte', [slot(0xd3, 1, 0, 0, 0), exit], /4 or 8 bytes/);
refused('a call of kind 3', [slot(0x85, 0, 3, 0, 1), exit], /kind 3/);
refused('a helper that does not exist', 'call 9999\nexit', /no helper number 9999/);
refused('a helper that is not here', 'call 35\nexit', /bpf_get_current_task \(helper 35\) is not available/);
refused('legacy packet access', [slot(0x30, 0, 0, 0, 0), exit], /legacy/);
refused('a map', [slot(0x18, 1, 1, 0, 3), slot(0, 0, 0, 0, 0), exit], /refers to a map/);

// What goes wrong while it runs
refused(
  'a read behind the memory',
  'ldxb r0, [r1+8]\nexit',
  /read of 1 byte at offset 8 of the memory, which has 8 bytes/,
);
refused('a read that begins inside', 'ldxdw r0, [r1+1]\nexit', /read of 8 bytes at offset 1 of the memory/);
refused('a read before the memory', 'ldxb r0, [r1-1]\nexit', /offset -1 of the memory/);
refused('a write above the stack', 'stw [r10-2], 1\nexit', /write of 4 bytes at r10-2 of stack/);
refused('a read below the stack', 'ldxb r0, [r10-513]\nexit', /r10-513 of stack/);
refused('a null pointer', 'mov r1, 0\nldxw r0, [r1+4]\nexit', /null pointer/);
refused('a number as a pointer', 'lddw r1, 0xdead000000000000\nldxw r0, [r1]\nexit', /no address/);
refused('a loop without end', 'ja -1\nexit', /did not end/);
refused('recursion', 'local -1\nexit', /deeper than 8/);
refused('a jump to a number', 'mov r1, 1\ngotox r1', /no instruction/);

test('the place of a failure is its instruction', () => {
  const bytes = assemble('mov r0, 1\nmov r0, 2\nldxb r0, [r1+99]\nexit');
  expect(() => runBytecode(bytes, new Uint8Array(8))).toThrow(/^instruction 2: /);
});

test('a pointer that leaves its region is caught even where it lands in another one', () => {
  // The distance between memory and stack comes from the addresses themselves, without the region numbers.
  const source = `
    mov32 r3, r10
    mov32 r4, r1
    sub r3, r4
    add r1, r3
    ldxb r0, [r1-8]
    exit`;
  expect(() => runBytecode(assemble(source), new Uint8Array(8))).toThrow(/of the memory, which has 8 bytes/);
});

test('a pointer that lost its high half still reaches its region, and no further', () => {
  const head = 'mov32 r1, r1\n';
  expect(runBytecode(assemble(`${head}ldxb r0, [r1+7]\nexit`), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9))).toBe(9n);
  expect(() => runBytecode(assemble(`${head}ldxw r0, [r1+6]\nexit`), new Uint8Array(8))).toThrow(
    /offset 6 of the memory/,
  );
});
