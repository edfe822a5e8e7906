import type { Scope, SourceLine } from '../dwarf/scopes.ts';
import type { SourcePlace } from '../object/spec.ts';
import type { CpuFrame } from '../vm/engine/cpu.ts';
import type { LinkedProgram } from '../vm/link/linkedObject.ts';
import type { Machine } from '../vm/machine.ts';
import type { ProgramImage } from './image.ts';

/** A function as the C source has it: one that was inlined is a frame of its own. */
export interface LogicalFrame {
  name: string;
  /** Where it stands; in callers, at the call. */
  source: SourcePlace | undefined;
  program: LinkedProgram;
  /** Of the instruction that runs; in callers, of the call. */
  slot: number;
  /** Address of that instruction in the object. */
  address: number | undefined;
  cpu: CpuFrame;
  /** Frames of the machine above it; 0 is the innermost. */
  level: number;
  inlined: boolean;
  /** The helper that calls this function back. */
  callbackOf: string | undefined;
  /** Its own function or inlined scope first, then the blocks in it, inwards. */
  scopes: readonly Scope[];
}

/** The call stack of a stopped machine, innermost first. */
export function callStack(machine: Machine, image: ProgramImage): LogicalFrame[] {
  return machine.cpu.callStack().flatMap((cpu, level) => logicalFrames(machine, image, cpu, level));
}

function logicalFrames(machine: Machine, image: ProgramImage, cpu: CpuFrame, level: number): LogicalFrame[] {
  const program = machine.programOfCode(cpu.code);
  if (program === undefined) return [];
  const slot = level === 0 ? cpu.slot : cpu.slot - 1;
  const common = { program, slot, address: image.addressOf(program, slot), cpu, level };
  const { callbackOf } = cpu;
  let source = image.placeOf(program, slot).source ?? nearestSource(image, program, slot);
  const groups = groupScopes(image.scopesAt(program, slot));
  if (groups.length === 0) {
    const name = image.functionAt(program, slot)?.name ?? program.name;
    return [{ ...common, name, source, inlined: false, callbackOf, scopes: [] }];
  }
  const frames: LogicalFrame[] = [];
  for (const group of groups.reverse()) {
    const [own] = group;
    const inlined = own?.kind === 'inlined';
    frames.push({
      ...common,
      name: own?.name ?? '',
      source,
      inlined,
      callbackOf: inlined ? undefined : callbackOf,
      scopes: group,
    });
    source = callPlace(own?.call);
  }
  return frames;
}

/** Splits scopes where a function was inlined: [function, block, inlined, block] → [[function, block], [inlined, block]]. */
function groupScopes(scopes: readonly Scope[]): Scope[][] {
  const groups: Scope[][] = [];
  for (const scope of scopes) {
    if (scope.kind === 'block') groups.at(-1)?.push(scope);
    else groups.push([scope]);
  }
  return groups;
}

function callPlace(call: SourceLine | undefined): SourcePlace | undefined {
  return call === undefined ? undefined : { ...call, column: 1 };
}

/** Code that belongs to no line is shown at the one before it. */
function nearestSource(image: ProgramImage, program: LinkedProgram, slot: number): SourcePlace | undefined {
  const start = image.functionAt(program, slot)?.start ?? 0;
  for (let before = slot - 1; before >= start; before--) {
    const { source } = image.placeOf(program, before);
    if (source !== undefined) return source;
  }
  return undefined;
}
