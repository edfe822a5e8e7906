import type { Code } from '../vm/isa/code.ts';
import { isConditional, usesRegister } from '../vm/isa/decode.ts';
import { accessBytes, aluOp, callKind, imm64Kind, insnClass, modeBits, opcode } from '../vm/isa/opcodes.ts';
import { type FramePlace, FrameState } from './frameState.ts';
import { anyValue, arithmetic, joined, setOf, type ValueSet } from './valueSet.ts';

/** A program longer than this is not followed. Slots; the kernel takes a million. */
const maxSlots = 50_000;

const helper = { redirect: 23, redirectMap: 51 } as const;
const XDP_REDIRECT = 4;

/**
 * Helpers that only read what their pointers point at: lookups, updates and deletions of maps, output of events, printing, sums,
 * clocks, redirects, changes of the packet's ends. Numbers: include/uapi/linux/bpf.h. Any other may write to the stack.
 */
const readOnlyHelpers: ReadonlySet<number> = new Set([
  1, 2, 3, 5, 6, 7, 8, 12, 23, 25, 28, 44, 51, 54, 65, 125, 130, 131, 132, 133, 134, 177, 188,
]);

/** What the program may return, on whatever path: an upper bound, never too small. */
export function returnValues(code: Code): ValueSet {
  return code.length > maxSlots ? anyValue : functionReturns(code, 0, new Map());
}

/** The same of the function that starts at a slot. `known`: functions that were looked at; one under way may return anything. */
function functionReturns(code: Code, start: number, known: Map<number, ValueSet>): ValueSet {
  const before = known.get(start);
  if (before !== undefined) return before;
  known.set(start, anyValue);
  const walk = new Walk(code, known);
  let returned = walk.run(start);
  // An address of the frame went into memory: any load may bring it back, and any store may go there.
  if (walk.addressEscapes) returned = new Walk(code, known, 'somewhere').run(start);
  known.set(start, returned);
  return returned;
}

/** Follows every path of one function until nothing new comes. */
class Walk {
  addressEscapes = false;
  readonly #code: Code;
  readonly #known: Map<number, ValueSet>;
  /** Where a pointer that comes from memory may point. */
  readonly #loaded: FramePlace;
  readonly #states = new Map<number, FrameState>();
  readonly #work: number[] = [];

  constructor(code: Code, known: Map<number, ValueSet>, loaded: FramePlace = 'outside') {
    this.#code = code;
    this.#known = known;
    this.#loaded = loaded;
  }

  run(start: number): ValueSet {
    const code = this.#code;
    let returned: ValueSet = 0;
    this.#enter(start, new FrameState());
    for (let slot = this.#work.pop(); slot !== undefined; slot = this.#work.pop()) {
      const state = new FrameState(this.#states.get(slot));
      const op = code.opcode[slot]!;
      if (op === opcode.exit) returned = joined(returned, state.values[0]!);
      // Where it leads is in a register: nothing is known any more.
      else if (op === opcode.jaRegister) return anyValue;
      else if (op === opcode.ja || op === opcode.jaLong) this.#enter(code.offset[slot]!, state);
      else {
        if (isConditional(op)) this.#enter(code.offset[slot]!, state);
        else this.#step(slot, state);
        this.#enter(slot + (op === opcode.loadImm64 ? 2 : 1), state);
      }
    }
    return returned;
  }

  #enter(slot: number, state: FrameState): void {
    const before = this.#states.get(slot);
    if (before === undefined) this.#states.set(slot, new FrameState(state));
    else if (!before.join(state)) return;
    this.#work.push(slot);
  }

  #step(slot: number, state: FrameState): void {
    const { opcode: opcodes, dst: targets, src: sources, imm, immHigh, offset: offsets } = this.#code;
    const [op, dst, src, offset] = [opcodes[slot]!, targets[slot]!, sources[slot]!, offsets[slot]!];
    switch (op & 7) {
      case insnClass.jmp:
      case insnClass.jmp32:
        return this.#call(slot, state);
      case insnClass.alu:
      case insnClass.alu64:
        return this.#arithmetic(slot, state);
      case insnClass.ldx: {
        const plain = (op & 0xe0) === modeBits.mem;
        const from = moved(state.places[src]!, offset);
        return state.set(dst, plain ? state.load(from, accessBytes(op)) : anyValue, this.#loaded);
      }
      case insnClass.st:
        return state.store(moved(state.places[dst]!, offset), accessBytes(op), setOf(imm[slot]!));
      case insnClass.stx:
        return this.#store(slot, state);
      default: {
        if (op !== opcode.loadImm64) return state.set(0, anyValue, 'outside');
        const plain = src === imm64Kind.value && immHigh[slot] === 0;
        return state.set(dst, plain ? setOf(imm[slot]!) : anyValue, 'outside');
      }
    }
  }

  #arithmetic(slot: number, state: FrameState): void {
    const { opcode: opcodes, dst: targets, src: sources, imm, offset } = this.#code;
    const [op, dst, src] = [opcodes[slot]!, targets[slot]!, sources[slot]!];
    const register = usesRegister(op);
    const right = register ? state.values[src]! : setOf(imm[slot]!);
    // A variant (signed, sign-extending) is not followed.
    const values = offset[slot] === 0 ? arithmetic(op & 0xf0, state.values[dst]!, right) : anyValue;
    const [left, other] = [state.places[dst]!, register ? state.places[src]! : 'outside'];
    let place: FramePlace;
    if ((op & 0xf0) === aluOp.mov) place = other;
    else if (left === 'outside' && other === 'outside') place = 'outside';
    else place = (op & 0xf0) === aluOp.add && !register ? moved(left, imm[slot]!) : 'somewhere';
    state.set(dst, values, place);
  }

  #store(slot: number, state: FrameState): void {
    const { opcode: opcodes, dst: targets, src: sources, offset } = this.#code;
    const [op, dst, src] = [opcodes[slot]!, targets[slot]!, sources[slot]!];
    const to = moved(state.places[dst]!, offset[slot]!);
    const atomic = (op & 0xe0) === modeBits.atomic;
    if (state.places[src] !== 'outside') this.addressEscapes = true;
    state.store(to, accessBytes(op), atomic ? anyValue : state.values[src]!);
    if (!atomic) return;
    // It may fetch into its source, or into r0.
    state.set(src, anyValue, this.#loaded);
    state.set(0, anyValue, this.#loaded);
  }

  #call(slot: number, state: FrameState): void {
    const { opcode: opcodes, src, imm, offset } = this.#code;
    const direct = opcodes[slot] === opcode.call;
    const kind = direct ? src[slot] : undefined;
    const result =
      kind === callKind.local
        ? functionReturns(this.#code, offset[slot]!, this.#known)
        : helperResult(kind, imm[slot]!, state);
    const reads = kind === callKind.helper && readOnlyHelpers.has(imm[slot]!);
    const mayWrite = !reads && [1, 2, 3, 4, 5].some((register) => state.places[register] !== 'outside');
    if (mayWrite) state.slots.clear();
    for (let register = 1; register <= 5; register++) state.set(register, anyValue, 'outside');
    state.set(0, result, this.#loaded);
  }
}

function helperResult(kind: number | undefined, id: number, state: FrameState): ValueSet {
  if (kind !== callKind.helper) return anyValue;
  if (id === helper.redirect) return joined(setOf(XDP_REDIRECT), setOf(0));
  if (id !== helper.redirectMap) return anyValue;
  // What it gives when there is no such entry are the low bits of the flags: net/core/filter.c, __bpf_xdp_redirect_map().
  return joined(setOf(XDP_REDIRECT), arithmetic(aluOp.and, state.values[3]!, setOf(3)));
}

function moved(place: FramePlace, by: number): FramePlace {
  return typeof place === 'number' ? place + by : place;
}

/** The helpers, by number, that the program may call. */
export function helpersCalled(code: Code): Set<number> {
  const called = new Set<number>();
  for (let slot = 0; slot < code.length; slot++) {
    if (code.opcode[slot] === opcode.call && code.src[slot] === callKind.helper) called.add(code.imm[slot]!);
  }
  return called;
}
