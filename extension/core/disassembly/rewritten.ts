import { helperName } from '../vm/helpers/names.ts';
import { decodeRewritten } from '../vm/isa/decode.ts';
import { type DisassemblyNames, disassemble } from '../vm/isa/disassemble.ts';
import type { Code } from '../vm/isa/code.ts';
import { aluOp, callKind, imm64Kind, insnClass, opcode, sourceRegister } from '../vm/isa/opcodes.ts';

/** What the numbers in rewritten bytecode stand for. */
export interface RewrittenNames {
  /** Of the program's functions, in their order. */
  functions: readonly string[];
  /** By the ids that the kernel puts in their place. */
  maps: ReadonlyMap<number, string>;
  /** The kernel's name for an address. */
  symbol(address: bigint): string | undefined;
  /** What calls count from: __bpf_call_base; undefined where it is not shown. */
  callBase: bigint | undefined;
}

/**
 * One text per instruction of bytecode as the verifier leaves it, by slot: kernel/bpf/syscall.c, bpf_insn_prepare_dump(). Calls go to
 * what was put in the place of helpers.
 */
export function listRewritten(bytes: Uint8Array, names: RewrittenNames): { slot: number; text: string }[] {
  const code = decodeRewritten(bytes);
  const shown: DisassemblyNames = {
    callee: (slot) => {
      const number = code.imm[slot]!;
      // The verifier puts the function's place in the order of them all here: kernel/bpf/verifier.c, jit_subprogs().
      if (code.src[slot] === callKind.local) return names.functions[number] ?? `function ${number}`;
      const address = callAddress(names.callBase, number);
      const name = address === undefined ? undefined : names.symbol(address);
      // Tail calls keep the number of their helper, and so do all where addresses are hidden.
      return name ?? (code.src[slot] === callKind.helper ? helperName(number) : undefined) ?? `#${number}`;
    },
    symbol: (slot) => {
      const map = (): string => names.maps.get(code.imm[slot]!) ?? `map[id:${code.imm[slot]}]`;
      switch (code.src[slot]) {
        case imm64Kind.mapByFd:
          return map();
        case imm64Kind.mapValueByFd:
          return `${map()} + ${code.immHigh[slot]}`;
        default:
          return undefined;
      }
    },
  };
  const listed: { slot: number; text: string }[] = [];
  for (let slot = 0; slot < code.length; slot++) {
    listed.push({ slot, text: kernelsOwn(code, slot) ?? disassemble(code, slot, shown) });
    if (code.opcode[slot] === opcode.loadImm64) slot++;
  }
  return listed;
}

/** Instructions that the kernel has for itself, as its own log writes them: kernel/bpf/disasm.c. */
function kernelsOwn({ opcode: opcodes, offset, dst, src }: Code, slot: number): string | undefined {
  const op = opcodes[slot]!;
  const moves = op === (insnClass.alu64 | aluOp.mov | sourceRegister);
  if (moves && offset[slot] === percpuAddress) return `r${dst[slot]} = &(void __percpu *)(r${src[slot]})`;
  if (moves && offset[slot] === addressSpaceCast) return `r${dst[slot]} = addr_space_cast(r${src[slot]})`;
  return op === noSpeculation ? 'nospec' : undefined;
}

/** BPF_ADDR_PERCPU and BPF_ADDR_SPACE_CAST, the offsets of moves, and BPF_ST | BPF_NOSPEC: include/linux/filter.h. */
const percpuAddress = -1;
const addressSpaceCast = 1;
const noSpeculation = 0xc2;

/** Addresses that the calls go to. */
export function calledAddresses(bytes: Uint8Array, callBase: bigint | undefined): bigint[] {
  const code = decodeRewritten(bytes);
  const addresses = new Set<bigint>();
  for (let slot = 0; slot < code.length; slot++) {
    const isCall = code.opcode[slot] === opcode.call && code.src[slot] !== callKind.local;
    const address = isCall ? callAddress(callBase, code.imm[slot]!) : undefined;
    if (address !== undefined) addresses.add(address);
    if (code.opcode[slot] === opcode.loadImm64) slot++;
  }
  return [...addresses];
}

function callAddress(base: bigint | undefined, distance: number): bigint | undefined {
  return base === undefined ? undefined : BigInt.asUintN(64, base + BigInt(distance));
}
