import { opcode } from '../vm/isa/opcodes.ts';
import type { LinkedProgram } from '../vm/link/linkedObject.ts';
import { type ProgramFault, describeFault } from '../vm/machine.ts';
import { actionName } from '../xdp.ts';
import { type CodeBreakpoint, type DataBreakpoint, hitsEnough } from './breakpoints.ts';
import { callStack, type LogicalFrame } from './callStack.ts';
import { isTrue } from './expression/evaluate.ts';
import { evaluateIn } from './frames.ts';
import type { ProgramImage } from './image.ts';
import { Inspector } from './inspector.ts';
import { hexBytes, present } from './present.ts';
import { lastBefore, statementBefore, stepEnd, type StepEnd, type StepKind } from './stepping.ts';
import { type HelperCall, type Moment, type Scenario, Timeline } from './timeline.ts';

/** What else stops a program, when it is asked for. */
export const pauses = ['fault', 'verdict', 'helperFailure', 'mapMiss'] as const;
export type Pause = (typeof pauses)[number];

export type Stop =
  | { kind: 'entry' }
  | { kind: 'step' }
  | { kind: 'goto' }
  | { kind: 'breakpoint'; ids: number[] }
  | { kind: 'data'; ids: number[]; text: string }
  | { kind: 'pause'; pause: Pause; text: string }
  /** The packet's run is over. */
  | { kind: 'ended'; fault: ProgramFault | undefined };

export interface DebuggeeOptions {
  scenario: Scenario;
  image: ProgramImage;
  /** XDP_…, one for each packet; undefined where none is expected. */
  expected: readonly (string | undefined)[];
  /** What log points say. */
  onLog(text: string): void;
}

/** A program under the debugger: moves it, and says why it stopped. Everything else looks at it through `inspector`. */
export class Debuggee {
  readonly timeline: Timeline;
  readonly image: ProgramImage;
  pauses = new Set<Pause>(['fault']);
  codeBreakpoints: CodeBreakpoint[] = [];
  dataBreakpoints: DataBreakpoint[] = [];
  private readonly options: DebuggeeOptions;
  private marks: Map<LinkedProgram, Map<number, CodeBreakpoint[]>> | undefined;
  private watched: (Uint8Array | undefined)[] = [];

  constructor(options: DebuggeeOptions) {
    this.options = options;
    this.image = options.image;
    this.timeline = new Timeline(options.scenario);
  }

  get inspector(): Inspector {
    return new Inspector(this.timeline.machine, this.image);
  }

  frames(): LogicalFrame[] {
    return callStack(this.timeline.machine, this.image);
  }

  setCodeBreakpoints(breakpoints: CodeBreakpoint[]): void {
    this.codeBreakpoints = breakpoints;
    this.marks = undefined;
  }

  stepTo(kind: StepKind): StepEnd {
    return stepEnd(kind, this.timeline, this.image);
  }

  /** Goes to the first statement of the program, past what only stores its arguments. */
  toEntry(): void {
    const { timeline, image } = this;
    while (
      timeline.state === 'running' &&
      !image.placeOf(timeline.program, timeline.machine.cpu.slot).startsStatement
    ) {
      if (timeline.program.code.opcode[timeline.machine.cpu.slot] === opcode.exit) return;
      timeline.step();
    }
  }

  /**
   * Runs forward until something stops the program or the budget is used up, which gives undefined: call again to go on.
   * `end` ends a step. The first instruction of a movement (`first`) is not stopped at again.
   */
  forward(end: StepEnd | undefined, budget: number, first: boolean): Stop | undefined {
    const { timeline } = this;
    this.rememberWatched();
    for (let left = budget; left > 0; left--) {
      if (!(first && left === budget)) {
        const stop = this.stopHere();
        if (stop !== undefined) return stop;
        if (end?.() === true) return { kind: 'step' };
      }
      const writes = this.dataBreakpoints.length > 0 && timeline.nextWrites;
      const calls = timeline.calls.length;
      const before = timeline.calls.at(-1);
      const state = timeline.step();
      if (typeof state === 'object') {
        if (!this.pauses.has('fault')) return { kind: 'ended', fault: state };
        return { kind: 'pause', pause: 'fault', text: describeFault(state) };
      }
      if (state === 'ended') return { kind: 'ended', fault: undefined };
      const changed = writes ? this.changedData() : undefined;
      if (changed !== undefined) return changed;
      const call = timeline.calls.at(-1);
      const made = call !== before || timeline.calls.length !== calls;
      const bad = made && call !== undefined ? this.judge(call) : undefined;
      if (bad !== undefined) return bad;
    }
    return undefined;
  }

  /** The next instruction, back in time; at the start it stays. */
  stepInstructionBack(): Stop {
    const { moment } = this.timeline;
    return this.goTo(moment.insn > 0 ? { ...moment, insn: moment.insn - 1 } : moment);
  }

  stepBack(): Stop {
    return this.goTo(statementBefore(this.timeline, this.image));
  }

  /** To the last breakpoint before now, else to the start. */
  reverse(): Stop {
    const ids = (): number[] => this.hitHere(false).map(({ id }) => id);
    const moment = lastBefore(this.timeline, () => this.marked().length > 0 && ids().length > 0);
    if (moment === undefined) return this.goTo(undefined);
    this.goTo(moment);
    return { kind: 'breakpoint', ids: ids() };
  }

  private goTo(moment: Moment | undefined): Stop {
    if (moment !== undefined) {
      this.timeline.goTo(moment);
      return { kind: 'step' };
    }
    this.timeline.goTo({ packet: this.timeline.moment.packet, insn: 0 });
    this.toEntry();
    return { kind: 'entry' };
  }

  private stopHere(): Stop | undefined {
    if (this.marked().length > 0) {
      const hit = this.hitHere(true);
      const stopping = hit.filter(({ logMessage }) => logMessage === undefined);
      for (const { logMessage } of hit) if (logMessage !== undefined) this.options.onLog(this.interpolate(logMessage));
      if (stopping.length > 0) return { kind: 'breakpoint', ids: stopping.map(({ id }) => id) };
    }
    return this.pauses.has('verdict') ? this.wrongVerdict() : undefined;
  }

  /** The program is about to return something else than expected. */
  private wrongVerdict(): Stop | undefined {
    const { timeline } = this;
    const { cpu } = timeline.machine;
    if (cpu.code.opcode[cpu.slot] !== opcode.exit || cpu.callDepth > 0) return undefined;
    const expected = this.options.expected[timeline.moment.packet];
    const action = actionName(Number(timeline.register(0) & 0xffff_ffffn));
    if (expected === undefined || expected === action) return undefined;
    return { kind: 'pause', pause: 'verdict', text: `the program returns ${action}, and ${expected} is expected` };
  }

  private judge({ name, result }: HelperCall): Stop | undefined {
    if (result === undefined) return undefined;
    if (this.pauses.has('mapMiss') && /^bpf_map_lookup_(percpu_)?elem$/.test(name) && result === 0n) {
      return { kind: 'pause', pause: 'mapMiss', text: `${name}() found nothing` };
    }
    if (!this.pauses.has('helperFailure')) return undefined;
    const number = BigInt.asIntN(64, result);
    const failed =
      name === 'bpf_redirect_map' ? number !== 4n : number < 0n && number >= -4095n && !givesNumbers.test(name);
    if (!failed) return undefined;
    return { kind: 'pause', pause: 'helperFailure', text: `${name}() returned ${number}` };
  }

  private marked(): CodeBreakpoint[] {
    if (this.codeBreakpoints.length === 0) return [];
    this.marks ??= marksOf(this.codeBreakpoints);
    return this.marks.get(this.timeline.program)?.get(this.timeline.machine.cpu.slot) ?? [];
  }

  private hitHere(counting: boolean): CodeBreakpoint[] {
    return this.marked().filter((breakpoint) => {
      if (!this.holds(breakpoint.condition)) return false;
      if (!counting) return breakpoint.logMessage === undefined;
      breakpoint.hits++;
      return hitsEnough(breakpoint.hits, breakpoint.hitCondition);
    });
  }

  /** A condition that cannot be evaluated stops the program: its author should see that. */
  private holds(condition: string | undefined): boolean {
    const [frame] = this.frames();
    if (condition === undefined || condition.trim() === '' || frame === undefined) return true;
    try {
      return isTrue(evaluateIn(condition, frame, this.inspector), this.inspector);
    } catch (error) {
      this.options.onLog(
        `The condition "${condition}" cannot be evaluated: ${error instanceof Error ? error.message : String(error)}.`,
      );
      return true;
    }
  }

  private interpolate(message: string): string {
    const [frame] = this.frames();
    const { inspector } = this;
    return message.replace(/\{([^{}]+)\}/g, (_, expression: string) => {
      if (frame === undefined) return '';
      try {
        return present(evaluateIn(expression, frame, inspector), expression, inspector).text;
      } catch (error) {
        return `<${error instanceof Error ? error.message : String(error)}>`;
      }
    });
  }

  private rememberWatched(): void {
    this.watched = this.dataBreakpoints.map((each) => each.read());
  }

  private changedData(): Stop | undefined {
    const ids: number[] = [];
    const texts: string[] = [];
    this.dataBreakpoints.forEach((each, index) => {
      const before = this.watched[index];
      const after = each.read();
      if (sameBytes(before, after)) return;
      this.watched[index] = after;
      ids.push(each.id);
      texts.push(`${each.description}: ${shown(before)} → ${shown(after)}`);
    });
    return ids.length === 0 ? undefined : { kind: 'data', ids, text: texts.join('; ') };
  }
}

/** Their results are numbers that may look like an errno. */
const givesNumbers = /^bpf_(ktime_|get_|jiffies|csum_diff|strncmp)/;

function marksOf(breakpoints: readonly CodeBreakpoint[]): Map<LinkedProgram, Map<number, CodeBreakpoint[]>> {
  const marks = new Map<LinkedProgram, Map<number, CodeBreakpoint[]>>();
  for (const breakpoint of breakpoints) {
    for (const { program, slot } of breakpoint.places) {
      const slots = marks.get(program) ?? new Map<number, CodeBreakpoint[]>();
      marks.set(program, slots);
      slots.set(slot, [...(slots.get(slot) ?? []), breakpoint]);
    }
  }
  return marks;
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function shown(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? 'nothing' : hexBytes(bytes);
}
