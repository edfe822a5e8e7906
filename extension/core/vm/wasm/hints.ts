import type { Code } from '../isa/code.ts';
import {
  accessBytes,
  aluOp,
  framePointer,
  imm64Kind,
  insnClass,
  modeBits,
  opcode,
  sourceRegister,
} from '../isa/opcodes.ts';
import { callKind } from '../isa/opcodes.ts';
import type { CodeFunction } from './blocks.ts';
import { successorsOf } from './blocks.ts';

/**
 * What a register probably holds, so that the check of an access begins with the likely region. All but `stack` are guesses,
 * which the check proves or refutes each time; places in the own stack are known for certain.
 */
export const hint = {
  /** A number, or a pointer that nothing is known of. */
  none: 0,
  context: 1,
  packet: 2,
  /** A packet pointer without its high half, as 32-bit moves leave it. */
  packetLow: 3,
  /** A packet pointer shifted left by 32, on its way to the above. */
  packetShifted: 4,
  /** Different things on different ways. */
  mixed: 5,
  /** Plus the offset from r10. */
  stack: 0x1000_0000,
  /** Plus the number of a map. */
  map: 0x2000_0000,
} as const;

const stackRange = 0x80_0000;
const registers = framePointer + 1;
const argumentRegisters = 5;
const maxRounds = 6;

/** Offset from r10 of a register that points into the own stack. */
export function stackOffset(kind: number): number | undefined {
  const offset = kind - hint.stack;
  return offset > -stackRange && offset < stackRange ? offset : undefined;
}

export function mapNumber(kind: number): number | undefined {
  return kind >= hint.map ? kind - hint.map : undefined;
}

/** Hints by block of one function: a register's at the block's first instruction, 11 for each block. */
export interface FunctionHints {
  entry: Int32Array;
  slots: ReadonlyMap<number, number>;
}

/** Follows pointers through all functions of a program. The first one is called with the context. */
export function findHints(code: Code, functions: readonly CodeFunction[]): FunctionHints[] {
  const parameters = functions.map((_, index) => {
    const given = new Int32Array(argumentRegisters + 1).fill(-1);
    if (index === 0) given.fill(hint.none);
    if (index === 0) given[1] = hint.context;
    return given;
  });
  const slots = functions.map(() => new Map<number, number>());
  const indexes = new Map(functions.map(({ entry }, index) => [entry, index]));
  let results: FunctionHints[] = [];
  for (let round = 0; round < maxRounds; round++) {
    let changed = false;
    results = functions.map((fn, index) => {
      const pass = new Pass(code, fn, slots[index]!, (target, given) => {
        const known = parameters[indexes.get(target) ?? 0]!;
        for (let register = 1; register <= argumentRegisters; register++) {
          const joined = join(
            known[register]!,
            stackOffset(given[register]!) === undefined ? given[register]! : hint.none,
          );
          if (joined !== known[register]) changed = true;
          known[register] = joined;
        }
      });
      const entry = pass.run(parameters[index]!);
      changed ||= pass.changedSlots;
      return { entry, slots: slots[index]! };
    });
    if (!changed) break;
  }
  return results;
}

/** -1: not seen yet. Guesses win over numbers, since null is one; two different ones are nothing. */
function join(a: number, b: number): number {
  if (a === b || b === -1) return a;
  if (a === -1) return b;
  if (stackOffset(a) !== undefined || stackOffset(b) !== undefined) return hint.mixed;
  if (a === hint.none) return b;
  return b === hint.none ? a : hint.mixed;
}

class Pass {
  changedSlots = false;
  private readonly code: Code;
  private readonly fn: CodeFunction;
  private readonly slots: Map<number, number>;
  private readonly onCall: (target: number, given: Int32Array) => void;

  constructor(
    code: Code,
    fn: CodeFunction,
    slots: Map<number, number>,
    onCall: (target: number, given: Int32Array) => void,
  ) {
    this.code = code;
    this.fn = fn;
    this.slots = slots;
    this.onCall = onCall;
  }

  run(parameters: Int32Array): Int32Array {
    const { code, fn } = this;
    const { blocks } = fn;
    const numbers = new Map(blocks.map(({ start }, index) => [start, index]));
    const entry = new Int32Array(registers * blocks.length).fill(-1);
    const first = registers * (numbers.get(fn.entry) ?? 0);
    for (let register = 0; register < registers; register++) {
      entry[first + register] = register <= argumentRegisters ? Math.max(hint.none, parameters[register]!) : hint.none;
    }
    entry[first + framePointer] = hint.stack;
    const state = new Int32Array(registers);
    const waiting = new Uint8Array(blocks.length);
    const open = [numbers.get(fn.entry) ?? 0];
    for (let number = open.pop(); number !== undefined; number = open.pop()) {
      waiting[number] = 0;
      state.set(entry.subarray(registers * number, registers * (number + 1)));
      const { start, end } = blocks[number]!;
      let last = start;
      for (let slot = start; slot < end; slot += code.opcode[slot] === opcode.loadImm64 ? 2 : 1) {
        last = slot;
        this.step(state, slot);
      }
      for (const target of successorsOf(code, last)) {
        const to = numbers.get(target)!;
        if (!joinInto(entry, registers * to, state) || waiting[to] === 1) continue;
        waiting[to] = 1;
        open.push(to);
      }
    }
    return entry;
  }

  private step(state: Int32Array, slot: number): void {
    const { code, slots } = this;
    const op = code.opcode[slot]!;
    if (op === opcode.call && code.src[slot] === callKind.local) this.onCall(code.offset[slot]!, state);
    else if ((op & 7) === insnClass.stx && (op & 0xe0) === modeBits.mem && accessBytes(op) === 8) {
      const base = stackOffset(state[code.dst[slot]!]!);
      const value = state[code.src[slot]!]!;
      if (base !== undefined && stackOffset(value) === undefined) {
        const at = base + code.offset[slot]!;
        const joined = join(slots.get(at) ?? -1, value);
        if (joined !== slots.get(at)) {
          slots.set(at, joined);
          this.changedSlots = true;
        }
      }
    }
    follow(state, code, slot, slots);
  }
}

function joinInto(entry: Int32Array, at: number, state: Int32Array): boolean {
  let changed = false;
  for (let register = 0; register < registers; register++) {
    const known = entry[at + register]!;
    const joined = join(known, state[register]!);
    if (joined === known) continue;
    entry[at + register] = joined;
    changed = true;
  }
  return changed;
}

/** What one instruction makes of the registers' hints. */
export function follow(state: Int32Array, code: Code, slot: number, slots: ReadonlyMap<number, number>): void {
  const op = code.opcode[slot]!;
  const dst = code.dst[slot]!;
  switch (op & 7) {
    case insnClass.alu:
    case insnClass.alu64:
      state[dst] = afterArithmetic(state, code, slot);
      return;
    case insnClass.ldx:
      state[dst] = afterLoad(state, code, slot, slots);
      return;
    case insnClass.ld:
      state[dst] = code.src[slot] === imm64Kind.mapByFd ? hint.map + code.imm[slot]! : hint.none;
      return;
    case insnClass.stx:
      // Atomics may write to r0, to their source and, as load-acquire, to their target.
      if ((op & 0xe0) !== modeBits.atomic) return;
      state[0] = hint.none;
      if (code.src[slot] !== framePointer) state[code.src[slot]!] = hint.none;
      if (dst !== framePointer) state[dst] = hint.none;
      return;
    case insnClass.jmp:
      if (op === opcode.call || op === opcode.callRegister) state.fill(hint.none, 0, argumentRegisters + 1);
      return;
  }
}

function afterLoad(state: Int32Array, code: Code, slot: number, slots: ReadonlyMap<number, number>): number {
  const base = state[code.src[slot]!]!;
  const offset = code.offset[slot]!;
  const size = accessBytes(code.opcode[slot]!);
  // data, data_end and data_meta of struct xdp_md.
  if (base === hint.context) return size === 4 && offset >= 0 && offset < 12 ? hint.packet : hint.none;
  const place = stackOffset(base);
  return place !== undefined && size === 8 ? (slots.get(place + offset) ?? hint.none) : hint.none;
}

function afterArithmetic(state: Int32Array, code: Code, slot: number): number {
  const op = code.opcode[slot]!;
  const wide = (op & 7) === insnClass.alu64;
  const fromRegister = (op & sourceRegister) !== 0;
  const target = state[code.dst[slot]!]!;
  const source = fromRegister ? state[code.src[slot]!]! : hint.none;
  const isPacket = (kind: number): boolean => kind === hint.packet || kind === hint.packetLow;
  switch (op & 0xf0) {
    case aluOp.mov:
      if (!fromRegister || code.offset[slot] !== 0) return hint.none;
      if (wide) return source;
      return isPacket(source) ? hint.packetLow : hint.none;
    case aluOp.add: {
      const base = isPacket(target) ? target : isPacket(source) ? source : undefined;
      if (base !== undefined) return wide ? base : hint.packetLow;
      const place = stackOffset(target);
      if (place === undefined || fromRegister || !wide) return hint.none;
      const moved = place + code.imm[slot]!;
      return Math.abs(moved) < stackRange ? hint.stack + moved : hint.none;
    }
    case aluOp.sub:
      return isPacket(target) && !isPacket(source) ? (wide ? target : hint.packetLow) : hint.none;
    case aluOp.lsh:
      return wide && isPacket(target) && !fromRegister && code.imm[slot] === 32 ? hint.packetShifted : hint.none;
    case aluOp.rsh:
    case aluOp.arsh:
      return wide && target === hint.packetShifted && !fromRegister && code.imm[slot] === 32
        ? hint.packetLow
        : hint.none;
    default:
      return hint.none;
  }
}
