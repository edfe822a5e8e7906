import { readValue, type RegisterValue } from '../values.ts';
import { packetChangers } from '../packetChangers.ts';
import type { Instruction } from './instruction.ts';
import { type PrintedState, registerCount } from './printed.ts';

/** What the verifier knows about one register or stack slot. */
export interface Held {
  /** As printed, without its precision mark: `pkt(off=14,r=34)`; `mmmm` for four bytes of a slot that hold something. */
  text: string;
  /** Step at which this text was printed, or from whose rules it follows. */
  since: number;
  known: Certainty;
}

/**
 * How the text is known: the log prints it (`printed`), or a rule of the verifier says it without the log printing it
 * (`derived`). `atLeast`: it holds, and the verifier may know more by now, since a value with the same id was compared.
 * `maybe`: a call may have written over it.
 */
export type Certainty = 'printed' | 'derived' | 'atLeast' | 'maybe';

export interface Frame {
  /** r0 to r10; undefined: without a value. */
  registers: readonly (Held | undefined)[];
  /** By negative offset: -8 is `fp-8`. */
  slots: ReadonlyMap<number, Held>;
}

/** What the verifier knows at one moment. Never changed: the next moment shares what stayed the same. */
export interface MachineState {
  /** The program itself first, the function that runs last. */
  frames: readonly Frame[];
  refs: readonly string[];
}

/** The kernel allows 8: include/linux/bpf_verifier.h, MAX_CALL_FRAMES. */
export const maxFrames = 16;

export const emptyFrame: Frame = {
  registers: Array.from<undefined>({ length: registerCount }),
  slots: new Map<number, Held>(),
};
export const emptyState: MachineState = { frames: [emptyFrame], refs: [] };

/** Lays a printed state over another one: what it does not mention stays. */
export function overlay(state: MachineState, printed: PrintedState, step: number): MachineState {
  const depth = Math.min(printed.frame, maxFrames - 1);
  const frame = state.frames[depth] ?? emptyFrame;
  return { ...withFrame(state, depth, fill(frame, printed, step)), refs: printed.refs };
}

/** Takes a printed state for the whole of its frame: what it does not mention has no value. Frames above it are left. */
export function replace(state: MachineState, printed: PrintedState, step: number): MachineState {
  const depth = Math.min(printed.frame, maxFrames - 1);
  const known = state.frames[depth];
  const frame = fill(emptyFrame, printed, step, known);
  return { ...withFrame(state, depth, frame), refs: printed.refs };
}

function withFrame(state: MachineState, depth: number, frame: Frame): MachineState {
  const frames = state.frames.slice(0, depth);
  while (frames.length < depth) frames.push(emptyFrame);
  return { ...state, frames: [...frames, frame] };
}

function fill(frame: Frame, printed: PrintedState, step: number, before: Frame = frame): Frame {
  const registers = [...frame.registers];
  for (const { register, text } of printed.registers)
    registers[register] = held(text, step, before.registers[register]);
  if (printed.slots.length === 0) return { registers, slots: frame.slots };
  const slots = new Map(frame.slots);
  for (const { offset, text } of printed.slots) slots.set(offset, held(text, step, before.slots.get(offset)));
  return { registers, slots };
}

function held(text: string, since: number, before: Held | undefined): Held {
  return before?.text === text && before.known === 'printed' ? before : { text, since, known: 'printed' };
}

/**
 * What an instruction does to a state beside what the log prints behind it. Source: kernel/bpf/verifier.c: a call leaves
 * registers 1 to 5 without a value (clear_caller_saved_regs()); one that may move the packet makes numbers of all packet
 * pointers (clear_all_pkt_pointers()); a comparison tells something about every register with the same id
 * (find_good_pkt_pointers(), mark_ptr_or_null_regs(), sync_linked_regs()).
 */
export function afterInstruction(
  before: MachineState,
  instruction: Instruction,
  printed: PrintedState | undefined,
  step: number,
): MachineState {
  let state = before;
  if (instruction.kind === 'call') state = called(state, instruction, step);
  if (printed === undefined) return state;
  if (instruction.kind === 'test') state = tested(state, printed, step);
  return overlay(state, printed, step);
}

/** Functions that only read the memory they are given. Source: kernel/bpf/helpers.c and net/core/filter.c, MEM_RDONLY. */
const readers: ReadonlySet<string> = new Set([
  'bpf_map_lookup_elem',
  'bpf_map_update_elem',
  'bpf_map_delete_elem',
  'bpf_map_push_elem',
  'bpf_perf_event_output',
  'bpf_ringbuf_output',
  'bpf_trace_printk',
  'bpf_trace_vprintk',
  'bpf_csum_diff',
  'bpf_xdp_store_bytes',
]);

function called(before: MachineState, { name, own }: Instruction & { kind: 'call' }, step: number): MachineState {
  const state = own || readers.has(name) ? before : mayWrite(before);
  const depth = state.frames.length - 1;
  const frame = state.frames[depth] ?? emptyFrame;
  // The called function's own first state names what it got; the caller's registers come back with its last one.
  const registers = frame.registers.map((value, register) => (register <= 5 ? undefined : value));
  const next = { ...state, frames: [...state.frames.slice(0, depth), { ...frame, registers }] };
  if (!packetChangers.has(name)) return next;
  return mapHeld(next, (value) =>
    /^pkt(?:_meta|_end)?\(/.test(value.text) ? { text: 'scalar()', since: step, known: 'derived' } : value,
  );
}

/** Arguments are in registers 1 to 5; one that points into the stack names where a function may write. */
function mayWrite(state: MachineState): MachineState {
  const frame = state.frames.at(-1);
  let next = state;
  for (let register = 1; register <= 5; register++) {
    const found = /^fp(?:\[(\d{1,2})\])?(-\d{1,6})?/.exec(frame?.registers[register]?.text ?? '');
    if (found === null) continue;
    const depth = found[1] === undefined ? state.frames.length - 1 : Number(found[1]);
    const start = Number(found[2] ?? 0);
    const size = Number(frame?.registers[register + 1]?.text ?? Number.NaN);
    next = doubted(next, depth, start, Number.isNaN(size) ? 0 : start + size);
  }
  return next;
}

function doubted(state: MachineState, depth: number, start: number, end: number): MachineState {
  const frame = state.frames[depth];
  if (frame === undefined) return state;
  const slots = new Map(frame.slots);
  // What is only known to be there (`mmmm`) stays as much as it is.
  for (const [offset, value] of frame.slots)
    if (offset + 8 > start && offset < end && !/^[m?]+$/.test(value.text))
      slots.set(offset, { ...value, known: 'maybe' });
  return { ...state, frames: state.frames.map((each, at) => (at === depth ? { ...each, slots } : each)) };
}

function tested(state: MachineState, printed: PrintedState, step: number): MachineState {
  const frame = state.frames[Math.min(printed.frame, maxFrames - 1)];
  let next = state;
  for (const { register, text } of printed.registers) {
    const before = frame?.registers[register]?.text;
    if (before === undefined || before === text) continue;
    next = linked(next, readValue(before), readValue(text), step);
  }
  return next;
}

/** Larger ranges stand for what a comparison says of this pointer alone: include/linux/bpf_verifier.h, AT_PKT_END. */
const maxPacket = 0xffff;

/** A value became another one by a comparison: so did what has the same id. */
function linked(state: MachineState, before: RegisterValue, after: RegisterValue, step: number): MachineState {
  const id = before.args.get('id') ?? '0';
  const range = Number(after.args.get('r') ?? Number.NaN);
  if (/^pkt(?:_meta)?$/.test(after.type)) {
    if (!(range <= maxPacket)) return state;
    return mapHeld(state, (value) => {
      const { type, args, text } = readValue(value.text);
      const same = type === after.type && (args.get('id') ?? '0') === id;
      return same && Number(args.get('r') ?? 0) < range
        ? { text: withRange(text, range), since: step, known: 'derived' }
        : value;
    });
  }
  if (id === '0') return state;
  if (before.type.endsWith('_or_null')) {
    return mapHeld(state, (value) => {
      const { type, args, text } = readValue(value.text);
      if (type !== before.type || args.get('id') !== id) return value;
      if (after.constant !== undefined) return { text: after.text, since: step, known: 'derived' };
      // Each keeps its own offset. The id has done its work, but where it names a lock.
      const known = text.replace('_or_null', '');
      const own = after.args.has('id') ? known : known.replace(/\bid=\d+,?/, '').replace(/,\)$/, ')');
      return { text: own, since: step, known: 'derived' };
    });
  }
  if (before.type !== 'scalar') return state;
  return mapHeld(state, (value) => {
    const { type, args, constant } = readValue(value.text);
    const same = type === 'scalar' && constant === undefined && baseId(args.get('id')) === baseId(id);
    return same ? { ...value, known: 'atLeast' } : value;
  });
}

/** `id=5+8` is the number with id 5, plus 8. */
function baseId(id: string | undefined): string | undefined {
  return id === undefined ? undefined : /^\d+/.exec(id)?.[0];
}

/** `pkt(off=14)` with a proven range. Order of the parts: kernel/bpf/log.c, print_reg_state(). */
function withRange(text: string, range: number): string {
  if (/\br=\w+/.test(text)) return text.replace(/\br=\w+/, `r=${range}`);
  const inner = /^(\w+)\((.*)\)$/.exec(text);
  if (inner === null) return text;
  const [, name = '', parts = ''] = inner;
  const head = /^(?:id=[^,]+,?)?(?:off=[^,]+,?)?/.exec(parts)?.[0] ?? '';
  const pieces = [head.replace(/,$/, ''), `r=${range}`, parts.slice(head.length)].filter((piece) => piece !== '');
  return `${name}(${pieces.join(',')})`;
}

/** Every register and slot, of all frames. */
function mapHeld(state: MachineState, change: (value: Held) => Held): MachineState {
  const frames = state.frames.map((frame) => {
    const registers = frame.registers.map((value) => (value === undefined ? undefined : change(value)));
    const slots = new Map(Array.from(frame.slots, ([offset, value]) => [offset, change(value)]));
    const same =
      registers.every((value, at) => value === frame.registers[at]) &&
      Array.from(slots).every(([offset, value]) => value === frame.slots.get(offset));
    return same ? frame : { registers, slots };
  });
  return { ...state, frames };
}
