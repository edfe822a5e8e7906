import { ByteReader } from '../elf/byteReader.ts';
import { Cursor } from './cursor.ts';
import { addressAt, type Unit } from './units.ts';

/** What an expression is evaluated against. Addresses and registers are the machine's, 64 bits unsigned. */
export interface ExpressionContext {
  /** Undefined for a register that a call left without a meaning. */
  register(number: number): bigint | undefined;
  /** Address of a frame offset; undefined where the frame's layout is not known. */
  frameAddress(offset: bigint): bigint | undefined;
  /** Where the machine keeps what the object has at this address; undefined for what it does not load. */
  loadedAddress(objectAddress: number): bigint | undefined;
  /** Undefined where nothing can be read. `size` is 1 to 8. */
  read(address: bigint, size: number): bigint | undefined;
}

/** Where a value is. */
export type Location =
  | { kind: 'memory'; address: bigint }
  | { kind: 'register'; register: number }
  /** No place, but known. */
  | { kind: 'value'; value: bigint }
  | { kind: 'bytes'; bytes: Uint8Array }
  /** In parts, each with its size in bytes. */
  | { kind: 'pieces'; pieces: readonly { location: Location; size: number }[] }
  | { kind: 'unavailable'; why: string };

/** Steps of one expression, loops included. */
const maxSteps = 2000;
const maxStack = 100;

class Unavailable extends Error {}

/** Evaluates a location expression: DWARF 5, section 2.5. What cannot be known is `unavailable`; never throws. */
export function evaluateLocation(expression: Uint8Array, unit: Unit, context: ExpressionContext): Location {
  try {
    return new Evaluation(expression, unit, context).run();
  } catch (error) {
    // A damaged expression concerns its variable, not the whole program.
    return { kind: 'unavailable', why: error instanceof Error ? error.message : String(error) };
  }
}

class Evaluation {
  private readonly cursor: Cursor;
  private readonly unit: Unit;
  private readonly context: ExpressionContext;
  private readonly stack: bigint[] = [];
  private readonly pieces: { location: Location; size: number }[] = [];
  private place: Location | undefined;

  constructor(expression: Uint8Array, unit: Unit, context: ExpressionContext) {
    this.cursor = new Cursor(new ByteReader(expression, unit.sections.info.littleEndian, 'a location expression'));
    this.unit = unit;
    this.context = context;
  }

  run(): Location {
    for (let step = 0; !this.cursor.done; step++) {
      if (step >= maxSteps || this.stack.length > maxStack) throw new Unavailable('its expression does not end');
      this.operation(this.cursor.u8());
    }
    if (this.pieces.length === 0) return this.take();
    const missing = this.pieces.find(({ location }) => location.kind === 'unavailable');
    return missing?.location ?? { kind: 'pieces', pieces: this.pieces };
  }

  /** Ends a simple location: what was named, else the address on the stack. */
  private take(): Location {
    const { place } = this;
    this.place = undefined;
    if (place !== undefined) return place;
    const address = this.stack.pop();
    this.stack.length = 0;
    return address === undefined
      ? { kind: 'unavailable', why: 'the compiler kept no copy of it here' }
      : { kind: 'memory', address };
  }

  private operation(op: number): void {
    const { cursor, context } = this;
    if (op >= 0x30 && op <= 0x4f) return this.push(BigInt(op - 0x30)); // lit0…
    if (op >= 0x50 && op <= 0x6f) return this.inRegister(op - 0x50); // reg0…
    if (op >= 0x70 && op <= 0x8f) return this.push(this.register(op - 0x70) + cursor.sleb()); // breg0…
    switch (op) {
      case 0x03: // addr
        return this.pushLoaded(cursor.address());
      case 0xa1: // addrx
        return this.pushLoaded(addressAt(this.unit, cursor.count()));
      case 0x90: // regx
        return this.inRegister(cursor.count());
      case 0x92: // bregx
        return this.push(this.register(cursor.count()) + cursor.sleb());
      case 0x91: {
        // fbreg
        const address = context.frameAddress(cursor.sleb());
        if (address === undefined) throw new Unavailable('the size of the stack frame is not known');
        return this.push(address);
      }
      case 0x93: // piece
        this.pieces.push({ location: this.take(), size: cursor.count() });
        return;
      case 0x9e: // implicit_value
        this.place = { kind: 'bytes', bytes: cursor.bytes(cursor.count()) };
        return;
      case 0x9f: // stack_value
        this.place = { kind: 'value', value: this.pop() };
        return;
      case 0x06: // deref
        return this.dereference(8);
      case 0x94: // deref_size
        return this.dereference(cursor.u8());
      case 0xa8: // convert
        return this.convert(cursor.count());
      case 0x96: // nop
        return;
      default:
        if (this.constant(op) || this.shuffle(op) || this.arithmetic(op)) return;
        throw new Unavailable(`its expression uses operation 0x${op.toString(16)}, which is not supported`);
    }
  }

  private constant(op: number): boolean {
    const { cursor } = this;
    switch (op) {
      case 0x08: // const1u
        this.push(BigInt(cursor.u8()));
        return true;
      case 0x09: // const1s
        this.push(BigInt(cursor.i8()));
        return true;
      case 0x0a: // const2u
        this.push(BigInt(cursor.u16()));
        return true;
      case 0x0b: // const2s
        this.push(BigInt((cursor.u16() << 16) >> 16));
        return true;
      case 0x0c: // const4u
        this.push(BigInt(cursor.u32()));
        return true;
      case 0x0d: // const4s
        this.push(BigInt(cursor.u32() | 0));
        return true;
      case 0x0e: // const8u
      case 0x0f: // const8s
        this.push(cursor.u64());
        return true;
      case 0x10: // constu
        this.push(cursor.uleb());
        return true;
      case 0x11: // consts
        this.push(cursor.sleb());
        return true;
      default:
        return false;
    }
  }

  private shuffle(op: number): boolean {
    const { stack } = this;
    switch (op) {
      case 0x12: // dup
        this.push(this.peek(0));
        return true;
      case 0x13: // drop
        this.pop();
        return true;
      case 0x14: // over
        this.push(this.peek(1));
        return true;
      case 0x15: // pick
        this.push(this.peek(this.cursor.u8()));
        return true;
      case 0x16: {
        // swap
        const [top, below] = [this.pop(), this.pop()];
        stack.push(top, below);
        return true;
      }
      case 0x17: {
        // rot
        const [top, second, third] = [this.pop(), this.pop(), this.pop()];
        stack.push(top, third, second);
        return true;
      }
      case 0x2f: // skip
        this.branch(true);
        return true;
      case 0x28: // bra
        this.branch(this.pop() !== 0n);
        return true;
      default:
        return false;
    }
  }

  private arithmetic(op: number): boolean {
    if (op === 0x19) {
      // abs
      const value = BigInt.asIntN(64, this.pop());
      this.push(value < 0n ? -value : value);
    } else if (op === 0x1f) this.push(-this.pop());
    else if (op === 0x20) this.push(~this.pop());
    else if (op === 0x23)
      this.push(this.pop() + this.cursor.uleb()); // plus_uconst
    else {
      const operation = binary[op];
      if (operation === undefined) return false;
      const b = this.pop();
      this.push(operation(this.pop(), b));
    }
    return true;
  }

  /** DW_OP_convert to a base type of the unit; to 0 it means the generic type, which is what the stack holds. */
  private convert(reference: number): void {
    if (reference === 0) return;
    const type = this.unit.baseTypes?.get(this.unit.offset + reference);
    if (type === undefined) throw new Unavailable('its expression converts to an unknown type');
    const value = this.pop();
    const bits = type.size * 8;
    this.push(type.signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
  }

  private dereference(size: number): void {
    const value = size < 1 || size > 8 ? undefined : this.context.read(this.pop(), size);
    if (value === undefined) throw new Unavailable('its address cannot be read');
    this.push(value);
  }

  private branch(taken: boolean): void {
    const distance = (this.cursor.u16() << 16) >> 16;
    if (!taken) return;
    const target = this.cursor.at + distance;
    if (target < 0 || target > this.cursor.end) throw new Unavailable('its expression jumps out of itself');
    this.cursor.at = target;
  }

  private register(number: number): bigint {
    const value = this.context.register(number);
    if (value === undefined) throw new Unavailable(`register r${number} was given up by a call`);
    return value;
  }

  private inRegister(register: number): void {
    if (register > 11) throw new Unavailable(`it is in register ${register}, which does not exist`);
    this.place = { kind: 'register', register };
  }

  private pushLoaded(objectAddress: number): void {
    const address = this.context.loadedAddress(objectAddress);
    if (address === undefined) throw new Unavailable('what it stands in is not loaded');
    this.push(address);
  }

  private push(value: bigint): void {
    this.stack.push(BigInt.asUintN(64, value));
  }

  private pop(): bigint {
    const value = this.stack.pop();
    if (value === undefined) throw new Unavailable('its expression takes more than it has');
    return value;
  }

  private peek(depth: number): bigint {
    const value = this.stack.at(-1 - depth);
    if (value === undefined) throw new Unavailable('its expression takes more than it has');
    return value;
  }
}

const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
const truth = (value: boolean): bigint => (value ? 1n : 0n);

/** Shifts beyond the width leave nothing; a BigInt of that many bits would fill the memory. */
const shift = (b: bigint, action: () => bigint, beyond: bigint): bigint => (b < 64n ? action() : beyond);

const divided = (b: bigint, action: () => bigint): bigint => {
  if (b === 0n) throw new Unavailable('its expression divides by zero');
  return action();
};

const binary: Readonly<Record<number, (a: bigint, b: bigint) => bigint>> = {
  0x1a: (a, b) => a & b,
  0x1b: (a, b) => divided(b, () => signed(a) / signed(b)),
  0x1c: (a, b) => a - b,
  0x1d: (a, b) => divided(b, () => a % b),
  0x1e: (a, b) => a * b,
  0x21: (a, b) => a | b,
  0x22: (a, b) => a + b,
  0x24: (a, b) => shift(b, () => a << b, 0n),
  0x25: (a, b) => shift(b, () => a >> b, 0n),
  0x26: (a, b) => shift(b, () => signed(a) >> b, signed(a) < 0n ? -1n : 0n),
  0x27: (a, b) => a ^ b,
  0x29: (a, b) => truth(signed(a) === signed(b)),
  0x2a: (a, b) => truth(signed(a) >= signed(b)),
  0x2b: (a, b) => truth(signed(a) > signed(b)),
  0x2c: (a, b) => truth(signed(a) <= signed(b)),
  0x2d: (a, b) => truth(signed(a) < signed(b)),
  0x2e: (a, b) => truth(a !== b),
};
