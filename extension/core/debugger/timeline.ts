import type { Inputs } from '../vm/helpers/world.ts';
import { accessBytes, insnClass, opcode } from '../vm/isa/opcodes.ts';
import type { LinkedObject, LinkedProgram } from '../vm/link/linkedObject.ts';
import { tag } from '../vm/memory/regions.ts';
import { Machine, type MachineOptions, type ProgramFault, type XdpRequest, type XdpRun } from '../vm/machine.ts';

/** What is run: packets one after the other, on maps with these entries. */
export interface Scenario {
  linked: LinkedObject;
  options: MachineOptions;
  /** Fills a fresh machine's maps. Throws XdpError. */
  setUp(machine: Machine): void;
  /** At least one. */
  packets: readonly { request: XdpRequest; inputs: Inputs }[];
}

/** Bytes of the packet that an instruction touched. */
export interface PacketAccess {
  /** In the flat memory. */
  address: number;
  size: number;
  isWrite: boolean;
}

/** A moment: before instruction number `insn` of packet number `packet`. */
export interface Moment {
  packet: number;
  insn: number;
}

export type TimelineState = 'running' | 'ended' | ProgramFault;

/** A helper call and what it gave. */
export interface HelperCall {
  moment: Moment;
  program: LinkedProgram;
  /** Of the call. */
  slot: number;
  name: string;
  /** r1 to r5 as unsigned 64-bit numbers. */
  arguments: readonly bigint[];
  /** r0; undefined while it is at work (callbacks), and after a tail call that succeeded. */
  result: bigint | undefined;
}

interface Edit {
  moment: Moment;
  apply(machine: Machine): void;
}

const keptCalls = 1000;

/**
 * A run that can be anywhere in time. Going back is running again up to there: the machine is deterministic, so the same
 * instruction number is the same moment. What the user changes is part of history and is repeated.
 */
export class Timeline {
  machine: Machine;
  state: TimelineState = 'running';
  /** Outcomes of the packets before the running one. */
  readonly outcomes: XdpRun[] = [];
  /** Calls up to now, the last ones of each packet. */
  calls: HelperCall[] = [];
  /** The last one up to now. */
  lastAccess: PacketAccess | undefined;
  private packet = 0;
  private readonly scenario: Scenario;
  private edits: Edit[] = [];
  private changes = 0;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.machine = this.start();
    this.begin(0);
  }

  get moment(): Moment {
    return { packet: this.packet, insn: this.machine.cpu.executed };
  }

  get packetCount(): number {
    return this.scenario.packets.length;
  }

  get program(): LinkedProgram {
    const { machine } = this;
    const program = machine.programOfCode(machine.cpu.code);
    if (program === undefined) throw new Error('The running code belongs to no program');
    return program;
  }

  /** One instruction forward. */
  step(): TimelineState {
    if (this.state !== 'running') return this.state;
    const { cpu } = this.machine;
    const { code, slot } = cpu;
    const call = this.nextCall();
    this.lastAccess = this.nextAccess() ?? this.lastAccess;
    this.state = this.machine.advance(1);
    if (call !== undefined) {
      if (this.calls.length >= 2 * keptCalls) this.calls = this.calls.slice(-keptCalls);
      this.calls.push(call);
      // A call back or a tail call went elsewhere instead of on.
      if (cpu.code === code && cpu.slot === slot + 1) call.result = this.register(0);
    }
    return this.state;
  }

  /** Ends the packet: what came of it. Does nothing twice. */
  outcome(): XdpRun {
    if (this.state === 'running') throw new Error('The program is still running');
    return this.machine.outcome(this.state);
  }

  /** Goes on with the next packet, if there is one. */
  nextPacket(): boolean {
    if (this.state === 'running' || this.packet + 1 >= this.packetCount) return false;
    this.outcomes.push(this.outcome());
    this.packet++;
    this.begin(this.packet);
    return true;
  }

  /** Goes to a moment, backwards or forwards. `seen` is told every moment on the way through the last packet. */
  goTo(target: Moment, seen?: () => void): void {
    const { edits } = this;
    this.machine = this.start();
    this.outcomes.length = 0;
    this.packet = 0;
    this.begin(0);
    let next = 0;
    for (;;) {
      for (; next < edits.length && isAt(edits[next]!.moment, this.moment); next++) edits[next]!.apply(this.machine);
      if (isAt(this.moment, target)) break;
      if (this.packet === target.packet) seen?.();
      if (this.state === 'running') this.step();
      else if (!this.nextPacket()) break;
    }
    // What was changed after this moment has not happened.
    if (next < edits.length) this.changes++;
    this.edits = edits.slice(0, next);
  }

  /** Changes memory or registers, now and whenever this moment comes again. */
  edit(apply: (machine: Machine) => void): void {
    apply(this.machine);
    this.changes++;
    this.edits.push({ moment: this.moment, apply });
  }

  /** May the next instruction change memory? Helpers may. */
  get nextWrites(): boolean {
    const { code, slot } = this.machine.cpu;
    const op = code.opcode[slot]!;
    const kind = op & 7;
    return kind === insnClass.st || kind === insnClass.stx || op === opcode.call || op === opcode.callRegister;
  }

  register(number: number): bigint {
    const { lo, hi } = this.machine.cpu;
    return (BigInt(hi[number]! >>> 0) << 32n) | BigInt(lo[number]! >>> 0);
  }

  private nextCall(): HelperCall | undefined {
    const { code, slot } = this.machine.cpu;
    const op = code.opcode[slot]!;
    if (op !== opcode.call && op !== opcode.callRegister) return undefined;
    const name = this.machine.callee();
    if (name === undefined) return undefined;
    const values = [1, 2, 3, 4, 5].map((number) => this.register(number));
    return { moment: this.moment, program: this.program, slot, name, arguments: values, result: undefined };
  }

  private nextAccess(): PacketAccess | undefined {
    const { code, slot, lo, hi } = this.machine.cpu;
    const op = code.opcode[slot]!;
    const kind = op & 7;
    if (kind !== insnClass.ldx && kind !== insnClass.st && kind !== insnClass.stx) return undefined;
    const isWrite = kind !== insnClass.ldx;
    const base = isWrite ? code.dst[slot]! : code.src[slot]!;
    if (hi[base] !== tag.packet) return undefined;
    return { address: lo[base]! + code.offset[slot]!, size: accessBytes(op), isWrite };
  }

  private begin(packet: number): void {
    const { request, inputs } = this.scenario.packets[packet]!;
    this.machine.setInputs(inputs);
    this.machine.begin(request);
    this.state = 'running';
    this.calls = [];
    this.lastAccess = undefined;
  }

  /** Another number when history is another one: what was noted about moments holds as long as it is the same. */
  get revision(): number {
    return this.changes;
  }

  get wasEdited(): boolean {
    return this.edits.length > 0;
  }

  private start(): Machine {
    const { linked, options } = this.scenario;
    const machine = new Machine(linked, options);
    this.scenario.setUp(machine);
    return machine;
  }
}

function isAt(a: Moment, b: Moment): boolean {
  return a.packet === b.packet && a.insn === b.insn;
}
