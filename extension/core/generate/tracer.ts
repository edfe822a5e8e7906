import { accessBytes, aluOp, callKind, insnClass, modeBits, opcode, sourceRegister } from '../vm/isa/opcodes.ts';
import { isConditional } from '../vm/isa/decode.ts';
import type { Code } from '../vm/isa/code.ts';
import { taken32, taken64 } from '../vm/engine/compare.ts';
import type { Machine, ProgramFault, XdpRequest, XdpRun } from '../vm/machine.ts';
import { type Region, tag } from '../vm/memory/regions.ts';
import { branchFeature, type Feature, programFeature, verdictFeature } from './features.ts';
import { type CallObservation, HelperCalls } from './helperCalls.ts';
import { binary, type BinaryOperation, type Expression, joined, leaf, type Operand, unary } from './provenance.ts';
import { Shadow } from './shadow.ts';

/** A conditional jump that ran. */
export interface BranchEvent {
  program: number;
  slot: number;
  taken: boolean;
  /** High four bits of the opcode, see jumpOp. */
  operation: number;
  bits: 32 | 64;
  left: Operand;
  right: Operand;
  /** What `left` points into, where it is a pointer. */
  pointsTo: Region | undefined;
}

/** A division or remainder; by zero where `by.value` is 0n: BPF then gives 0, or the dividend. */
export interface DivisionEvent {
  program: number;
  slot: number;
  by: Operand;
}

export interface Trace {
  run: XdpRun;
  features: ReadonlySet<Feature>;
  /** The first few of each jump and way. */
  branches: readonly BranchEvent[];
  divisions: readonly DivisionEvent[];
  calls: readonly CallObservation[];
}

/** As many runs of one jump are looked at: a loop's later ones say little new. */
const maxEventsPerWay = 4;

const operations: Readonly<Record<number, BinaryOperation>> = {
  [aluOp.add]: 'add',
  [aluOp.sub]: 'sub',
  [aluOp.mul]: 'mul',
  [aluOp.div]: 'div',
  [aluOp.mod]: 'mod',
  [aluOp.or]: 'or',
  [aluOp.and]: 'and',
  [aluOp.xor]: 'xor',
  [aluOp.lsh]: 'lsh',
  [aluOp.rsh]: 'rsh',
  [aluOp.arsh]: 'arsh',
};

/**
 * Runs one packet step by step and follows every value back to the input: which bytes of the packet, the context or the maps
 * each comparison looked at. `budget`: instructions; undefined when the program takes more.
 */
export function trace(machine: Machine, request: XdpRequest, budget: number): Trace | undefined {
  machine.begin(request);
  const tracer = new Tracer(machine);
  for (let left = budget; left > 0; left--) {
    const state = tracer.step();
    if (state !== 'running') return tracer.finish(state);
  }
  return undefined;
}

class Tracer {
  private readonly machine: Machine;
  private readonly shadow: Shadow;
  private readonly calls: HelperCalls;
  private registers: (Expression | undefined)[] = Array.from({ length: 11 }, () => undefined);
  private readonly saved: (Expression | undefined)[][] = [];
  private readonly programs: Map<string, number>;
  private readonly numbers = new Map<Code, number>();
  private readonly features = new Set<Feature>();
  private readonly branches: BranchEvent[] = [];
  private readonly divisions: DivisionEvent[] = [];
  private readonly seen = new Map<Feature, number>();

  constructor(machine: Machine) {
    this.machine = machine;
    this.shadow = new Shadow(machine);
    this.calls = new HelperCalls(machine, this.shadow);
    this.programs = new Map([...machine.linked.programs.keys()].map((name, number) => [name, number]));
    this.features.add(programFeature(this.programNumber()));
  }

  finish(state: 'ended' | ProgramFault): Trace {
    const run = this.machine.outcome(state);
    if (state === 'ended') this.features.add(verdictFeature(run.retval));
    const { features, branches, divisions } = this;
    return { run, features, branches, divisions, calls: this.calls.observed };
  }

  step(): 'running' | 'ended' | ProgramFault {
    const { cpu } = this.machine;
    const { code, slot } = cpu;
    const op = code.opcode[slot]!;
    switch (op & 7) {
      case insnClass.alu64:
      case insnClass.alu:
        return this.arithmetic(code, slot, op);
      case insnClass.ldx:
        return this.load(code, slot, op);
      case insnClass.st:
      case insnClass.stx:
        return this.store(code, slot, op);
      case insnClass.jmp:
      case insnClass.jmp32:
        return this.jump(code, slot, op);
      default:
        return this.assign(code.dst[slot]!, undefined);
    }
  }

  private advance(): 'running' | 'ended' | ProgramFault {
    return this.machine.advance(1);
  }

  /** Runs the instruction; its destination then holds this. */
  private assign(register: number, expression: Expression | undefined): 'running' | 'ended' | ProgramFault {
    const state = this.advance();
    if (state !== 'running' && state !== 'ended') return state;
    // One that is passed on as it is has the same value there.
    if (expression !== undefined) expression.value = this.value(register);
    this.registers[register] = expression;
    return state;
  }

  private value(register: number): bigint {
    const { lo, hi } = this.machine.cpu;
    return (BigInt(hi[register]! >>> 0) << 32n) | BigInt(lo[register]! >>> 0);
  }

  private operand(register: number, bits: number): Operand {
    return { expression: this.registers[register], value: BigInt.asUintN(bits, this.value(register)) };
  }

  private second(code: Code, slot: number, op: number, bits: number): Operand {
    if ((op & sourceRegister) !== 0) return this.operand(code.src[slot]!, bits);
    return { expression: undefined, value: BigInt.asUintN(bits, BigInt(code.imm[slot]!)) };
  }

  private arithmetic(code: Code, slot: number, op: number): 'running' | 'ended' | ProgramFault {
    const bits = (op & 7) === insnClass.alu64 ? 64 : 32;
    const d = code.dst[slot]!;
    const operation = op & 0xf0;
    const before = this.registers[d];
    if (operation === aluOp.end) {
      const width = code.imm[slot]!;
      const swaps = bits === 64 || (op & sourceRegister) !== 0;
      return this.assign(
        d,
        before && (swaps || width < 64 ? unary(swaps ? 'swap' : 'truncate', width, before) : before),
      );
    }
    if (operation === aluOp.neg) return this.assign(d, before && unary('negate', bits, before));
    const right = this.second(code, slot, op, bits);
    if (operation === aluOp.mov) return this.assign(d, moved(right.expression, bits, code.offset[slot]!));
    const name = operations[operation];
    if (name === undefined) return this.assign(d, undefined);
    if (name === 'div' || name === 'mod') this.divisions.push({ program: this.programNumber(), slot, by: right });
    // x ^ x and x - x are zero whatever x is.
    const same = (op & sourceRegister) !== 0 && code.src[slot] === d && (name === 'xor' || name === 'sub');
    return this.assign(d, same ? undefined : binary(name, bits, this.operand(d, bits), right));
  }

  private load(code: Code, slot: number, op: number): 'running' | 'ended' | ProgramFault {
    const { lo, hi } = this.machine.cpu;
    const s = code.src[slot]!;
    const address = lo[s]! + code.offset[slot]!;
    if (hi[s] === tag.context) return this.assign(code.dst[slot]!, contextField(address));
    const size = accessBytes(op);
    const expression = joined(this.shadow.pieces(hi[s]!, address, size));
    const signed = (op & 0xe0) === modeBits.memsx;
    return this.assign(code.dst[slot]!, signed && expression ? unary('extend', 8 * size, expression) : expression);
  }

  private store(code: Code, slot: number, op: number): 'running' | 'ended' | ProgramFault {
    const { lo, hi } = this.machine.cpu;
    const d = code.dst[slot]!;
    const address = lo[d]! + code.offset[slot]!;
    const region = hi[d]!;
    const atomic = (op & 7) === insnClass.stx && (op & 0xe0) === modeBits.atomic;
    const stored = (op & 7) === insnClass.stx && !atomic ? this.registers[code.src[slot]!] : undefined;
    const state = this.advance();
    if (state !== 'running' && state !== 'ended') return state;
    this.shadow.store(region, address, accessBytes(op), stored);
    if (atomic) {
      this.registers[code.src[slot]!] = undefined;
      this.registers[0] = undefined;
    }
    return state;
  }

  private jump(code: Code, slot: number, op: number): 'running' | 'ended' | ProgramFault {
    if (isConditional(op) && op !== opcode.mayGoto) this.branch(code, slot, op);
    else if (op === opcode.call || op === opcode.callRegister) return this.call(code, slot, op);
    else if (op === opcode.exit) return this.leave();
    return this.advance();
  }

  private branch(code: Code, slot: number, op: number): void {
    const bits = (op & 7) === insnClass.jmp ? 64 : 32;
    const operation = op & 0xf0;
    const left = this.operand(code.dst[slot]!, bits);
    const right = this.second(code, slot, op, bits);
    const taken = isTaken(operation, bits, left.value, right.value);
    const program = this.programNumber();
    const feature = branchFeature(program, slot, taken);
    this.features.add(feature);
    const count = this.seen.get(feature) ?? 0;
    this.seen.set(feature, count + 1);
    if (count >= maxEventsPerWay) return;
    const region = Number(left.value >> 32n);
    const pointsTo = region > tag.packet ? this.machine.memory.info(region) : undefined;
    this.branches.push({ program, slot, taken, operation, bits, left, right, pointsTo });
  }

  private call(code: Code, slot: number, op: number): 'running' | 'ended' | ProgramFault {
    const { cpu } = this.machine;
    const depth = cpu.callStack().length;
    const program = this.programNumber();
    const local = op === opcode.call && code.src[slot] === callKind.local;
    const callee = local ? undefined : this.machine.callee();
    const observe = callee === undefined ? undefined : this.calls.begin(callee, { program, slot });
    const state = this.advance();
    if (state !== 'running' && state !== 'ended') return state;
    const entered = cpu.callStack();
    if (entered.length > depth) {
      this.saved.push(this.registers.slice(6, 10));
      const given = callee === undefined ? this.registers.slice(1, 6) : [];
      this.registers = Array.from({ length: 11 }, (_, register) => given[register - 1]);
      this.shadow.forget(entered[0]?.stack ?? 0);
    } else if (cpu.code !== code) {
      // A tail call: the other program has this one's place.
      this.registers = Array.from({ length: 11 }, () => undefined);
      this.shadow.forget(entered[0]?.stack ?? 0);
      this.features.add(programFeature(this.programNumber()));
      observe?.('jumped');
    } else {
      this.registers.fill(undefined, 0, 6);
      const result = observe?.('returned');
      if (result !== undefined) result.value = this.value(0);
      this.registers[0] = result;
    }
    return state;
  }

  private leave(): 'running' | 'ended' | ProgramFault {
    const { cpu } = this.machine;
    const before = cpu.callStack();
    const state = this.advance();
    if (state !== 'running') return state;
    const after = cpu.callStack();
    this.registers.fill(undefined, 1, 10);
    if (after.length < before.length) {
      const kept = this.saved.pop() ?? [];
      for (const [at, expression] of kept.entries()) this.registers[6 + at] = expression;
      // A helper that called back gives a count.
      if (before[0]?.callbackOf !== undefined) this.registers[0] = undefined;
    } else {
      this.registers[0] = undefined;
      this.shadow.forget(after[0]?.stack ?? 0);
    }
    return state;
  }

  private programNumber(): number {
    const { code } = this.machine.cpu;
    const known = this.numbers.get(code);
    if (known !== undefined) return known;
    const number = this.programs.get(this.machine.programOfCode(code)?.name ?? '') ?? 0;
    this.numbers.set(code, number);
    return number;
  }
}

function moved(expression: Expression | undefined, bits: number, variant: number): Expression | undefined {
  if (expression === undefined) return undefined;
  const extended = variant === 0 ? expression : unary('extend', variant, expression);
  return bits === 32 ? unary('truncate', 32, extended) : extended;
}

/** struct xdp_md, by the offset of a field. */
function contextField(offset: number): Expression | undefined {
  switch (offset) {
    case 4:
      return leaf({ kind: 'length' }, 0, 8);
    case 12:
      return leaf({ kind: 'ingressIfindex' }, 0, 4);
    case 16:
      return leaf({ kind: 'rxQueueIndex' }, 0, 4);
    default:
      return undefined;
  }
}

/** Would a conditional jump with these operands be taken? Operands are unsigned, of `bits` bits. */
export function isTaken(operation: number, bits: 32 | 64, left: bigint, right: bigint): boolean {
  const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
  const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
  if (bits === 32) return taken32(operation, low(left), low(right));
  return taken64(operation, low(left), high(left), low(right), high(right));
}
