import { slot } from './vmAssembler.ts';

/** Arithmetic that the verifier takes on numbers: operation, and whether it has a signed form. */
const operations = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90, 0xa0, 0xb0, 0xc0, 0xd0];
const jumps = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
const firstNumber = 24;
const registers = 5;
/** Bytes that a program reads and writes: r1 to r5 after 24 bytes of packet. */
export const randomCodeBytes = firstNumber + 8 * registers;

/**
 * C source of XDP programs that are random arithmetic, jumps, and reads, writes and atomic operations of the stack, on five numbers
 * of the packet; written as bytes so that no compiler has a say in them. Programs are named `random_0` and so on.
 */
export function randomPrograms(count: number, length: number, below: (limit: number) => number): string {
  const programs = Array.from({ length: count }, (_, index) => program(`random_${index}`, body(length, below)));
  return `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
${programs.join('\n')}
char _license[] SEC("license") = "GPL";`;
}

function program(name: string, insns: readonly number[]): string {
  const numbers = Array.from({ length: registers }, (_, i) => i + 1);
  const load = numbers.map((r) => `"r${r} = *(u64 *)(r6 + ${firstNumber + 8 * (r - 1)});"`).join('\n');
  const spill = numbers.map((r) => `"*(u64 *)(r10 - ${8 * r}) = r${r};"`).join('\n');
  const store = numbers.map((r) => `"*(u64 *)(r6 + ${firstNumber + 8 * (r - 1)}) = r${r};"`).join('\n');
  return `SEC("xdp") __attribute__((naked)) int ${name}(struct xdp_md *ctx)
{
	asm volatile("r6 = *(u32 *)(r1 + 0);"
		"r7 = *(u32 *)(r1 + 4);"
		"r2 = r6;"
		"r2 += ${randomCodeBytes};"
		"if r2 > r7 goto 1f;"
		${load}
		${spill}
		"r0 = r1;"
		".byte ${insns.join(',')};"
		${store}
		"1: r0 = 3;"
		"exit;");
}`;
}

function body(length: number, below: (limit: number) => number): number[] {
  const bytes: number[] = [];
  for (let i = 0; i < length; i++) {
    // A jump skips the one instruction after it; more than a few would cost the verifier every path.
    if (i % 8 === 3 && i + 1 < length) bytes.push(...jump(below));
    else bytes.push(...(below(4) === 0 ? memory(below) : arithmetic(below)));
  }
  return bytes;
}

function jump(below: (limit: number) => number): number[] {
  const opcode = (below(2) === 0 ? 5 : 6) | (jumps[below(jumps.length)] ?? 0x10);
  if (below(2) === 0) return slot(opcode | 8, register(below), register(below), 1, 0);
  return slot(opcode, register(below), 0, 1, immediate(below));
}

function arithmetic(below: (limit: number) => number): number[] {
  const wide = below(2) === 0;
  const kind = wide ? 7 : 4;
  const operation = operations[below(operations.length)] ?? 0;
  const d = register(below);
  if (operation === 0x80) return slot(kind | operation, d, 0, 0, 0);
  if (operation === 0xd0)
    return slot(kind | operation | (wide ? 0 : 8 * below(2)), d, 0, 0, [16, 32, 64][below(3)] ?? 16);
  const division = operation === 0x30 || operation === 0x90;
  const signed = division ? below(2) : 0;
  if (below(2) === 0) {
    const extend = operation === 0xb0 ? ([0, 8, 16, wide ? 32 : 0][below(4)] ?? 0) : 0;
    return slot(kind | operation | 8, d, register(below), signed | extend, 0);
  }
  // What the verifier refuses as an immediate: zero divisors and shifts beyond the width.
  const shift = operation === 0x60 || operation === 0x70 || operation === 0xc0;
  const value = shift ? below(wide ? 64 : 32) : division ? immediate(below) || 3 : immediate(below);
  return slot(kind | operation, d, 0, signed, value);
}

/** BPF_B, BPF_H, BPF_W, BPF_DW. */
const sizes = [
  { bits: 0x10, bytes: 1 },
  { bits: 0x08, bytes: 2 },
  { bits: 0x00, bytes: 4 },
  { bits: 0x18, bytes: 8 },
] as const;
/** Add, or, and, xor with and without BPF_FETCH; exchange; compare and exchange with r0. */
const atomics = [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1];
const framePointer = 10;

/** One access to the five numbers on the stack, aligned, as the verifier wants it. */
function memory(below: (limit: number) => number): number[] {
  const kind = below(5);
  const atomic = kind === 0;
  const { bits, bytes } = sizes[atomic ? 2 + below(2) : below(4)] ?? sizes[3];
  const offset = -bytes * (1 + below((8 * registers) / bytes));
  switch (kind) {
    case 0:
      return slot(0xc3 | bits, framePointer, register(below), offset, atomics[below(atomics.length)] ?? 0);
    case 1:
      return slot(0x63 | bits, framePointer, register(below), offset, 0);
    case 2:
      return slot(0x62 | bits, framePointer, 0, offset, immediate(below));
    case 3:
      return slot(0x61 | bits, register(below), framePointer, offset, 0);
    default:
      return slot((bytes === 8 ? 0x61 : 0x81) | bits, register(below), framePointer, offset, 0);
  }
}

function register(below: (limit: number) => number): number {
  return 1 + below(registers);
}

function immediate(below: (limit: number) => number): number {
  const edges = [0, 1, -1, 2, 0x7fffffff, -0x80000000, 0xff, 0xffff, -256];
  return below(2) === 0 ? (edges[below(edges.length)] ?? 0) : below(0x100000000) | 0;
}
