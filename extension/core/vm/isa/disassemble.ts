import type { Code } from './code.ts';
import {
  aluOp,
  atomicOp,
  callKind,
  imm64Kind,
  insnClass,
  jumpOp,
  modeBits,
  opcode,
  sourceRegister,
} from './opcodes.ts';

/** How names stand for numbers in a listing. */
export interface DisassemblyNames {
  /** Of the helper, kernel function or function that the call at `slot` goes to. */
  callee(slot: number): string | undefined;
  /** Of what a 64-bit immediate points to. */
  symbol(slot: number): string | undefined;
  /** Of a slot that jumps lead to; without it, or for others, its number stands there. */
  target?(slot: number): string | undefined;
}

const noNames: DisassemblyNames = { callee: () => undefined, symbol: () => undefined };

/** One instruction in LLVM's notation; jumps name the slot that they lead to. `code` is as decode() gives it. */
export function disassemble(code: Code, slot: number, names: DisassemblyNames = noNames): string {
  const op = code.opcode[slot]!;
  const insn: Operands = {
    op,
    dst: code.dst[slot]!,
    src: code.src[slot]!,
    offset: code.offset[slot]!,
    imm: code.imm[slot]!,
    fromRegister: (op & sourceRegister) !== 0,
  };
  switch (op & 7) {
    case insnClass.alu:
      return arithmetic(insn, 'w');
    case insnClass.alu64:
      return arithmetic(insn, 'r');
    case insnClass.jmp:
    case insnClass.jmp32:
      return jump(insn, names.callee(slot), names.target?.(insn.offset) ?? String(insn.offset));
    case insnClass.ldx:
      return `r${insn.dst} = ${memory(insn, insn.src)}`;
    case insnClass.st:
      return `${memory(insn, insn.dst)} = ${insn.imm}`;
    case insnClass.stx:
      return (op & 0xe0) === modeBits.atomic ? atomic(insn) : `${memory(insn, insn.dst)} = r${insn.src}`;
    default:
      return `r${insn.dst} = ${immediate(code, slot, names)}`;
  }
}

interface Operands {
  op: number;
  dst: number;
  src: number;
  offset: number;
  imm: number;
  fromRegister: boolean;
}

const assignments: Readonly<Record<number, string>> = {
  [aluOp.add]: '+=',
  [aluOp.sub]: '-=',
  [aluOp.mul]: '*=',
  [aluOp.div]: '/=',
  [aluOp.or]: '|=',
  [aluOp.and]: '&=',
  [aluOp.lsh]: '<<=',
  [aluOp.rsh]: '>>=',
  [aluOp.mod]: '%=',
  [aluOp.xor]: '^=',
  [aluOp.mov]: '=',
  [aluOp.arsh]: 's>>=',
};

function arithmetic({ op, dst, src, offset, imm, fromRegister }: Operands, register: 'r' | 'w'): string {
  const operation = op & 0xf0;
  const target = `${register}${dst}`;
  if (operation === aluOp.end) {
    const swap = register === 'r' ? 'bswap' : fromRegister ? 'be' : 'le';
    return `r${dst} = ${swap}${imm} r${dst}`;
  }
  if (operation === aluOp.neg) return `${target} = -${target}`;
  const operand = fromRegister ? `${register}${src}` : String(imm);
  if (operation === aluOp.mov && offset !== 0) return `${target} = (s${offset})${operand}`;
  const isSigned = offset === 1 && (operation === aluOp.div || operation === aluOp.mod);
  return `${target} ${isSigned ? 's' : ''}${assignments[operation] ?? '?='} ${operand}`;
}

const comparisons: Readonly<Record<number, string>> = {
  [jumpOp.eq]: '==',
  [jumpOp.gt]: '>',
  [jumpOp.ge]: '>=',
  [jumpOp.set]: '&',
  [jumpOp.ne]: '!=',
  [jumpOp.sgt]: 's>',
  [jumpOp.sge]: 's>=',
  [jumpOp.lt]: '<',
  [jumpOp.le]: '<=',
  [jumpOp.slt]: 's<',
  [jumpOp.sle]: 's<=',
};

function jump(
  { op, dst, src, offset, imm, fromRegister }: Operands,
  callee: string | undefined,
  target: string,
): string {
  switch (op) {
    case opcode.ja:
      return `goto ${target}`;
    case opcode.jaLong:
      return `gotol ${target}`;
    case opcode.jaRegister:
      return `gotox r${dst}`;
    case opcode.mayGoto:
      return `may_goto ${target}`;
    case opcode.exit:
      return 'exit';
    case opcode.callRegister:
      return `callx r${dst}`;
    case opcode.call:
      if (callee !== undefined) return `call ${callee}`;
      return src === callKind.local ? `call ${offset}` : `call ${imm}`;
  }
  const register = (op & 7) === insnClass.jmp32 ? 'w' : 'r';
  const operand = fromRegister ? `${register}${src}` : String(imm);
  return `if ${register}${dst} ${comparisons[op & 0xf0] ?? '?'} ${operand} goto ${target}`;
}

const sizes: Readonly<Record<number, string>> = { 0x00: '32', 0x08: '16', 0x10: '8', 0x18: '64' };

function width({ op }: Operands): string {
  return sizes[op & 0x18] ?? '?';
}

function place(insn: Operands, base: number): string {
  return `r${base} ${insn.offset < 0 ? '-' : '+'} ${Math.abs(insn.offset)}`;
}

function memory(insn: Operands, base: number): string {
  const signed = (insn.op & 7) === insnClass.ldx && (insn.op & 0xe0) === modeBits.memsx;
  return `*(${signed ? 's' : 'u'}${width(insn)} *)(${place(insn, base)})`;
}

const atomicNames: Readonly<Record<number, [name: string, assignment: string]>> = {
  [atomicOp.add]: ['add', '+='],
  [atomicOp.or]: ['or', '|='],
  [atomicOp.and]: ['and', '&='],
  [atomicOp.xor]: ['xor', '^='],
};

function atomic(insn: Operands): string {
  const { imm, src, dst } = insn;
  const at = place(insn, dst);
  switch (imm) {
    case atomicOp.loadAcquire:
      return `r${dst} = load_acquire((u${width(insn)} *)(${place(insn, src)}))`;
    case atomicOp.storeRelease:
      return `store_release((u${width(insn)} *)(${at}), r${src})`;
    case atomicOp.xchg:
      return `r${src} = xchg_${width(insn)}(${at}, r${src})`;
    case atomicOp.cmpxchg:
      return `r0 = cmpxchg_${width(insn)}(${at}, r0, r${src})`;
  }
  const [name, assignment] = atomicNames[imm & ~atomicOp.fetch] ?? ['?', '?='];
  const target = `(u${width(insn)} *)(${at})`;
  return (imm & atomicOp.fetch) !== 0
    ? `r${src} = atomic_fetch_${name}(${target}, r${src})`
    : `lock *${target} ${assignment} r${src}`;
}

function immediate(code: Code, slot: number, names: DisassemblyNames): string {
  const symbol = names.symbol(slot);
  if (symbol !== undefined) return `${symbol} ll`;
  if (code.src[slot] === imm64Kind.code) return `code ${code.offset[slot]} ll`;
  const value = (BigInt(code.immHigh[slot]!) << 32n) | BigInt(code.imm[slot]! >>> 0);
  return `${BigInt.asIntN(64, value)} ll`;
}
