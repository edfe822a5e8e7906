import { expect, test } from 'vitest';
import { runBytecode } from '../../extension/core/vm/rawProgram.ts';
import { assemble } from '../support/vmAssembler.ts';

/** Result in r0 of a program on the memory at r1. Expectations follow RFC 9669, section by section. */
function check(name: string, source: string, expected: bigint | number, memory: readonly number[] = []): void {
  test(name, () => {
    for (const engine of ['interpreter', 'wasm'] as const) {
      const result = runBytecode(assemble(source), Uint8Array.from(memory), undefined, engine);
      expect(`0x${result.toString(16)}`, engine).toBe(`0x${BigInt.asUintN(64, BigInt(expected)).toString(16)}`);
    }
  });
}

const min64 = -(2n ** 63n);
const all32 = 0xffff_ffffn;

/** `r0 = a; r0 OP= b`, with b as a register and, where it fits, as an immediate. */
function arithmetic(operation: string, a: bigint, b: bigint, expected: bigint): void {
  const load = `lddw r0, ${a}`;
  check(`${operation} ${a}, ${b} (register)`, `${load}\nlddw r1, ${b}\n${operation} r0, r1\nexit`, expected);
  if (b >= -(2n ** 31n) && b < 2n ** 31n) {
    check(`${operation} ${a}, ${b} (immediate)`, `${load}\n${operation} r0, ${b}\nexit`, expected);
  }
}

// 4.1 Arithmetic instructions
for (const [operation, a, b, expected] of [
  ['add', 0xffff_ffffn, 1n, 0x1_0000_0000n],
  ['add', -1n, 1n, 0n],
  ['add', 5n, -7n, -2n],
  ['add32', 0xffff_ffffn, 1n, 0n],
  ['add32', 0x1_0000_0005n, 2n, 7n],
  ['sub', 0n, 1n, -1n],
  ['sub', 0x1_0000_0000n, 1n, all32],
  ['sub', 3n, -4n, 7n],
  ['sub32', 0n, 1n, all32],
  ['mul', 0xffff_ffffn, 0xffff_ffffn, 0xffff_fffe_0000_0001n],
  ['mul', -3n, 7n, -21n],
  [
    'mul',
    0x1234_5678_9abc_def0n,
    0x0fed_cba9_8765_4321n,
    BigInt.asUintN(64, 0x1234_5678_9abc_def0n * 0x0fed_cba9_8765_4321n),
  ],
  ['mul32', 0x8000_0001n, 3n, 0x8000_0003n],
  ['mul32', -1n, -1n, 1n],
  ['div', 100n, 7n, 14n],
  ['div', -1n, 2n, 0x7fff_ffff_ffff_ffffn],
  ['div', 0x1_0000_0000_0000n, 3n, 0x5555_5555_5555n],
  ['div', 7n, 0n, 0n],
  ['div', min64, -1n, 0n],
  ['div32', 0x1_0000_0064n, 7n, 14n],
  ['div32', -1n, 2n, 0x7fff_ffffn],
  ['div32', 7n, 0n, 0n],
  ['div32', 0x1_0000_0007n, 0x1_0000_0000n, 0n],
  ['sdiv', -100n, 7n, -14n],
  ['sdiv', -7n, -2n, 3n],
  ['sdiv', 7n, 0n, 0n],
  ['sdiv', min64, -1n, min64],
  ['sdiv32', -100n, 7n, 0xffff_fff2n],
  ['sdiv32', -7n, -2n, 3n],
  ['sdiv32', 7n, 0n, 0n],
  ['sdiv32', -0x8000_0000n, -1n, 0x8000_0000n],
  ['mod', 100n, 7n, 2n],
  ['mod', -1n, 10n, 5n],
  ['mod', 7n, 0n, 7n],
  ['mod', 0xffff_ffff_0000_0007n, 0n, 0xffff_ffff_0000_0007n],
  ['mod32', 0x5_0000_0064n, 7n, 2n],
  ['mod32', 0x5_0000_0064n, 0n, 100n],
  ['smod', -7n, 3n, -1n],
  ['smod', 7n, -3n, 1n],
  ['smod', min64, -1n, 0n],
  ['smod', -7n, 0n, -7n],
  ['smod32', -7n, 3n, all32],
  ['smod32', 7n, -3n, 1n],
  ['smod32', -0x8000_0000n, -1n, 0n],
  ['smod32', 0x5_ffff_fff9n, 0n, 0xffff_fff9n],
  ['or', 0xf0n, -256n, -16n],
  ['or32', 0xffff_0000_0000_00f0n, 0x0fn, 0xffn],
  ['and', -1n, -16n, -16n],
  ['and32', -1n, -16n, 0xffff_fff0n],
  ['xor', -1n, 0xffn, -256n],
  ['xor32', -1n, 0xffn, 0xffff_ff00n],
  ['lsh', 1n, 63n, min64],
  ['lsh', 0x1_8000_0001n, 31n, 0xc000_0000_8000_0000n],
  ['lsh', 1n, 64n, 1n],
  ['lsh', 1n, 65n, 2n],
  ['lsh', 1n, -1n, min64],
  ['lsh32', 0xff_0000_0001n, 31n, 0x8000_0000n],
  ['lsh32', 1n, 33n, 2n],
  ['rsh', min64, 63n, 1n],
  ['rsh', 0x1_8000_0000n, 31n, 3n],
  ['rsh', 2n, 65n, 1n],
  ['rsh32', -1n, 31n, 1n],
  ['rsh32', 0x1_0000_0002n, 33n, 1n],
  ['arsh', min64, 63n, -1n],
  ['arsh', -256n, 4n, -16n],
  ['arsh', 0x4000_0000_0000_0000n, 32n, 0x4000_0000n],
  ['arsh', -2n, 65n, -1n],
  ['arsh32', 0x8000_0000n, 31n, all32],
  ['arsh32', -1n, 33n, all32],
  ['mov', 0n, -5n, -5n],
  ['mov32', -1n, -5n, 0xffff_fffbn],
] as const) {
  arithmetic(operation, a, b, expected);
}
check('neg', 'lddw r0, 0x100000000\nneg r0\nexit', -0x1_0000_0000n);
check('neg of the smallest number is itself', `lddw r0, ${min64}\nneg r0\nexit`, min64);
check('neg32', 'mov r0, 5\nneg32 r0\nexit', 0xffff_fffbn);
check('movsx832', 'mov r1, 0x80\nmovsx832 r0, r1\nexit', 0xffff_ff80n);
check('movsx1632', 'lddw r1, 0x1234ffff8001\nmovsx1632 r0, r1\nexit', 0xffff_8001n);
check('movsx864', 'mov r1, 0x180\nmovsx864 r0, r1\nexit', -128n);
check('movsx1664', 'mov r1, 0x7fff\nmovsx1664 r0, r1\nexit', 0x7fffn);
check('movsx3264', 'lddw r1, 0x180000000\nmovsx3264 r0, r1\nexit', -0x8000_0000n);

// 4.2 Byte swap instructions
const swapped = 0x0123_4567_89ab_cdefn;
for (const [operation, expected] of [
  ['le16', 0xcdefn],
  ['le32', 0x89ab_cdefn],
  ['le64', swapped],
  ['be16', 0xefcdn],
  ['be32', 0xefcd_ab89n],
  ['be64', 0xefcd_ab89_6745_2301n],
  ['bswap16', 0xefcdn],
  ['bswap32', 0xefcd_ab89n],
  ['bswap64', 0xefcd_ab89_6745_2301n],
] as const) {
  check(operation, `lddw r0, ${swapped}\n${operation} r0\nexit`, expected);
}

// 4.3 Jump instructions: each relation against each pair, 64 and 32 bits, register and immediate
const pairs: readonly (readonly [bigint, bigint])[] = [
  [1n, 2n],
  [2n, 1n],
  [2n, 2n],
  [-1n, 1n],
  [1n, -1n],
  [-2n, -1n],
  [0x1_0000_0000n, 1n],
  [0x1_0000_0001n, 1n],
];
const relations: Record<string, (a: bigint, b: bigint, sa: bigint, sb: bigint) => boolean> = {
  jeq: (a, b) => a === b,
  jne: (a, b) => a !== b,
  jgt: (a, b) => a > b,
  jge: (a, b) => a >= b,
  jlt: (a, b) => a < b,
  jle: (a, b) => a <= b,
  jset: (a, b) => (a & b) !== 0n,
  jsgt: (_a, _b, sa, sb) => sa > sb,
  jsge: (_a, _b, sa, sb) => sa >= sb,
  jslt: (_a, _b, sa, sb) => sa < sb,
  jsle: (_a, _b, sa, sb) => sa <= sb,
};
for (const [name, holds] of Object.entries(relations)) {
  for (const bits of [64, 32]) {
    for (const [a, b] of pairs) {
      const of = (value: bigint): [bigint, bigint] => [BigInt.asUintN(bits, value), BigInt.asIntN(bits, value)];
      const expected = holds(of(a)[0], of(b)[0], of(a)[1], of(b)[1]) ? 1 : 0;
      const jump = bits === 32 ? `${name}32` : name;
      const body = (operand: string): string =>
        `lddw r1, ${a}\nlddw r2, ${b}\nmov r0, 1\n${jump} r1, ${operand}, 1\nmov r0, 0\nexit`;
      check(`${jump} ${a}, ${b} (register)`, body('r2'), expected);
      check(`${jump} ${a}, ${b} (immediate)`, body(String(b)), expected);
    }
  }
}
check('ja goes forward and back', 'ja 2\nmov r0, 7\nexit\nja -3', 7);
check('gotol', 'gotol 1\nmov r0, 1\nmov r0, 2\ngotol 0\nexit', 2);
check('exit not at the end', 'mov r0, 3\nja 1\nexit\nja -2', 3);
check(
  'a local call keeps r6 to r9 and has its own stack',
  `
  mov r6, 6
  stdw [r10-8], 11
  mov r1, 4
  local 3
  add r0, r6
  ldxdw r1, [r10-8]
  ja 4
  mov r6, 100        ; the callee
  stdw [r10-8], 99
  mov r0, r1
  exit
  add r0, r1
  exit`,
  21,
);
check(
  'a callee reaches the stack of its caller through a pointer',
  `
  mov r1, r10
  add r1, -8
  local 2
  ldxdw r0, [r10-8]
  exit
  stdw [r1+0], 42
  exit`,
  42,
);
check('callx', 'code r1, 3\ncallx r1\nexit\nmov r0, 9\nexit', 9);
check('callx as LLVM before 19 writes it', 'code r1, 3\nraw 8d00000001000000\nexit\nmov r0, 9\nexit', 9);
check('gotox', 'code r1, 4\ngotox r1\nmov r0, 1\nexit\nmov r0, 2\nexit', 2);
check('may_goto ends a loop after 8 Mi rounds', 'mov r0, 0\nadd r0, 1\nmay_goto 1\nja -3\nexit', 8 * 1024 * 1024 + 1);
check('a helper by number', 'mov r1, -1\ncall 5\nmov r0, 2\nexit', 2);

// 5 Load and store instructions
const memory = [0x11, 0x82, 0x33, 0x84, 0x55, 0x66, 0x77, 0x88];
check('ldxb', 'ldxb r0, [r1+1]\nexit', 0x82, memory);
check('ldxh', 'ldxh r0, [r1+1]\nexit', 0x3382, memory);
check('ldxw', 'ldxw r0, [r1]\nexit', 0x8433_8211, memory);
check('ldxdw', 'ldxdw r0, [r1]\nexit', 0x8877_6655_8433_8211n, memory);
check('ldxsb', 'ldxsb r0, [r1+1]\nexit', -126, memory);
check('ldxsh', 'ldxsh r0, [r1+2]\nexit', -31693, memory);
check('ldxsw', 'ldxsw r0, [r1]\nexit', -2076999151, memory);
check('a load into its own address register', 'ldxh r1, [r1]\nmov r0, r1\nexit', 0x8211, memory);
check('r2 is the length of the memory', 'mov r0, r2\nexit', 8, memory);
check('stb', 'stb [r1+2], 0x1ff\nldxw r0, [r1]\nexit', 0x84ff_8211, memory);
check('sth', 'sth [r1+2], -2\nldxw r0, [r1]\nexit', 0xfffe_8211, memory);
check('stw', 'stw [r1+4], -2\nldxdw r0, [r1]\nexit', 0xffff_fffe_8433_8211n, memory);
check('stdw extends its immediate', 'stdw [r1], -2\nldxdw r0, [r1]\nexit', -2, memory);
check(
  'stxb, stxh, stxw',
  'lddw r3, 0xa1a2a3a4a5a6a7a8\nstxb [r1], r3\nstxh [r1+2], r3\nstxw [r1+4], r3\nldxdw r0, [r1]\nexit',
  0xa5a6_a7a8_a7a8_82a8n,
  memory,
);
check(
  'stxdw and the stack',
  'lddw r3, 0xa1a2a3a4a5a6a7a8\nstxdw [r10-512], r3\nldxdw r0, [r10-512]\nexit',
  0xa1a2_a3a4_a5a6_a7a8n,
);
check('lddw', 'lddw r0, 0x8000000080000000\nexit', 0x8000_0000_8000_0000n);

// 5.3 Atomic operations: result is memory afterwards, then the register
const cell = [0xf0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
const atomic = (line: string, after: bigint, source: bigint): void => {
  const body = `mov r6, r1\nlddw r3, 0x50000000f\nlddw r0, 0xffffffff000000f0\n${line}\n`;
  check(`${line}: memory`, `${body}ldxdw r0, [r6]\nexit`, after, cell);
  check(`${line}: register`, `${body}mov r0, r3\nexit`, source, cell);
};
const old = 0xffff_ffff_0000_00f0n;
const given = 0x5_0000_000fn;
atomic('lock add dw [r6+0], r3', 0x4_0000_00ffn, given);
atomic('lock add w [r6+0], r3', 0xffff_ffff_0000_00ffn, given);
atomic('lock or dw [r6+0], r3', 0xffff_ffff_0000_00ffn, given);
atomic('lock and dw [r6+0], r3', 0x5_0000_0000n, given);
atomic('lock xor dw [r6+0], r3', 0xffff_fffa_0000_00ffn, given);
atomic('lock fetch_add dw [r6+0], r3', 0x4_0000_00ffn, old);
atomic('lock fetch_add w [r6+4], r3', 0x0000_000e_0000_00f0n, all32);
atomic('lock fetch_or dw [r6+0], r3', 0xffff_ffff_0000_00ffn, old);
atomic('lock fetch_or w [r6+0], r3', 0xffff_ffff_0000_00ffn, 0xf0n);
atomic('lock fetch_and dw [r6+0], r3', 0x5_0000_0000n, old);
atomic('lock fetch_xor w [r6+0], r3', 0xffff_ffff_0000_00ffn, 0xf0n);
atomic('lock xchg dw [r6+0], r3', given, old);
atomic('lock xchg w [r6+0], r3', 0xffff_ffff_0000_000fn, 0xf0n);
atomic('lock cmpxchg dw [r6+0], r3', given, given);
atomic('lock store_release h [r6+0], r3', 0xffff_ffff_0000_000fn, given);
atomic('lock store_release dw [r6+0], r3', given, given);
check(
  'cmpxchg that does not match leaves memory and loads r0',
  'mov r6, r1\nmov r0, 1\nmov r3, 2\nlock cmpxchg dw [r6+0], r3\nexit',
  old,
  cell,
);
check(
  'cmpxchg32 compares and loads 32 bits',
  'mov r6, r1\nlddw r0, 0x7000000f0\nmov r3, 2\nlock cmpxchg w [r6+0], r3\nldxdw r1, [r6]\nlsh r1, 32\nadd r0, r1\nexit',
  0x2_0000_00f0n,
  cell,
);
check('load_acquire', 'load_acquire b r0, [r1+4]\nexit', 0xff, cell);
check('load_acquire of 8 bytes', 'load_acquire dw r0, [r1]\nexit', old, cell);
