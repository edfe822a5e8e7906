import * as v from 'valibot';
import { bytes, method, u32 } from './rpc.ts';

/** One function of a loaded program, in the order in which the kernel has them: the program itself is first. */
export const MachineFunction = v.object({
  /** In the kernel's memory. */
  address: v.bigint(),
  /** What the compiler (JIT) of the kernel made. */
  code: bytes,
});

/** A loaded program as the kernel has it: include/uapi/linux/bpf.h, struct bpf_prog_info. */
export const ProgramCode = v.object({
  /** The bytecode after the verifier has rewritten it. */
  xlated: bytes,
  functions: v.array(MachineFunction),
  /** Raw `struct bpf_line_info`, `lineBytes` each; an address for each, in the same order. */
  lines: bytes,
  lineBytes: u32,
  lineAddresses: v.array(v.bigint()),
  /** Raw `struct bpf_func_info`, `funcBytes` each, one for each function. */
  funcs: bytes,
  funcBytes: u32,
  /** The program's types, with the strings that its lines name; absent where it was loaded without. */
  btf: v.optional(bytes),
  /** Why there are no `functions`: the JIT is off, or the kernel does not show its addresses to this helper. */
  missing: v.optional(v.picklist(['not-compiled', 'hidden'])),
});
export type ProgramCode = v.InferOutput<typeof ProgramCode>;

export const codeContract = {
  /** What the kernel runs of a loaded program. Profile `code`: others see no machine code unless the machine is set to show it. */
  'program/code': method(v.object({ object: v.number(), program: v.string() }), ProgramCode),
  /** The kernel's names of addresses, by /proc/kallsyms; those without one are left out. Profile `code`. */
  'code/symbols': method(
    v.object({ addresses: v.pipe(v.array(v.bigint()), v.maxLength(65_536)), names: v.array(v.string()) }),
    v.object({
      symbols: v.array(v.object({ address: v.bigint(), name: v.string() })),
    }),
  ),
};
