import { heldAt, type Place } from '../../extension/core/verifier/steps/changes.ts';
import type { Held, MachineState } from '../../extension/core/verifier/steps/machineState.ts';
import { readPrinted } from '../../extension/core/verifier/steps/printed.ts';
import type { Step, StepLog } from '../../extension/core/verifier/steps/stepLog.ts';
import { readValue } from '../../extension/core/verifier/values.ts';

export interface Agreement {
  /** Registers and slots that were compared. */
  compared: number;
  /** Of them, those that the model only said with a doubt, and that were different. */
  doubted: number;
  wrong: string[];
}

/**
 * Holds the states that were carried forward against those that the verifier prints whole where it takes up the other way of
 * a jump. What the jump itself compares, and what is linked to that by its id, is known better on the other way.
 */
export function agreementOf(log: StepLog, name: string): Agreement {
  const found: Agreement = { compared: 0, doubted: 0, wrong: [] };
  for (const { step, state } of log.lines.returns) {
    if (step === undefined) continue;
    const previous = log.previous(step);
    if (previous === undefined) {
      found.wrong.push(`${name}, step ${step}: no step goes before it`);
      continue;
    }
    const jump = log.step(previous);
    // A call that the verifier goes on from in two ways, or that runs a callback, changes more than its line says.
    if (jump.instruction.kind === 'call') continue;
    compareFrame(log.before(previous), jump, readPrinted(state), `${name}, step ${step}`, found);
  }
  return found;
}

function compareFrame(
  carried: MachineState,
  jump: Step,
  printed: ReturnType<typeof readPrinted>,
  where: string,
  found: Agreement,
): void {
  const { frame } = printed;
  const told = new Map<string, string>();
  const places: Place[] = [];
  for (const { register, text } of printed.registers) {
    told.set(`r${register}`, text);
    places.push({ kind: 'register', frame, register });
  }
  for (const { offset, text } of printed.slots) {
    told.set(`fp${offset}`, text);
    places.push({ kind: 'slot', frame, offset });
  }
  const known = carried.frames[frame];
  known?.registers.forEach((held, register) => {
    if (held !== undefined && !told.has(`r${register}`)) places.push({ kind: 'register', frame, register });
  });
  for (const offset of known?.slots.keys() ?? [])
    if (!told.has(`fp${offset}`)) places.push({ kind: 'slot', frame, offset });
  const tested = testedValues(carried, jump);
  for (const place of places) {
    const key = place.kind === 'register' ? `r${place.register}` : `fp${place.offset}`;
    const held = heldAt(carried, place);
    const text = told.get(key);
    found.compared++;
    if (held?.text === text || (held !== undefined && isLinked(held, tested))) continue;
    if (held?.known === 'maybe' || held?.known === 'atLeast') found.doubted++;
    else found.wrong.push(`${where}, ${key}: carried ${held?.text ?? 'nothing'}, printed ${text ?? 'nothing'}`);
  }
}

function testedValues(state: MachineState, { instruction }: Step): Held[] {
  if (instruction.kind !== 'test') return [];
  const frame = state.frames.at(-1);
  return [instruction.left, instruction.right].flatMap((register) => {
    const held = register === undefined ? undefined : frame?.registers[register];
    return held === undefined ? [] : [held];
  });
}

function isLinked(held: Held, tested: readonly Held[]): boolean {
  const id = idOf(held);
  const isPacket = held.text.startsWith('pkt');
  return tested.some(
    (each) =>
      each === held ||
      each.text === held.text ||
      (isPacket && each.text.startsWith('pkt')) ||
      (id !== undefined && idOf(each) === id),
  );
}

function idOf(held: Held): string | undefined {
  return /^\d+/.exec(readValue(held.text.replace(/^[?m0]+(?=scalar)/, '')).args.get('id') ?? '')?.[0];
}
