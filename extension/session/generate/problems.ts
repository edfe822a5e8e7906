import path from 'node:path';
import type { ProgramImage } from '../../core/debugger/image.ts';
import type { Finding, Found } from '../../core/generate/search.ts';
import { equalBytes } from '../../core/packet/bits.ts';
import { toHex } from '../../core/packet/hex.ts';
import { setupsJson, type TestJson } from '../../core/packetTest/record.ts';
import type { Input } from '../../core/generate/input.ts';
import type { SourcePlace } from '../../core/object/spec.ts';
import { actionName } from '../../core/xdp.ts';
import type { BpfObject } from '../bpfObject.ts';
import { contextJson } from '../run/record.ts';
import { inputAsTest, type Schemas } from './asTest.ts';
import type { RunResult } from '../run/run.ts';

/** Something that a packet does to the program and that is hardly meant. */
export interface FoundProblem {
  /**
   * `fault`: the machine's checks stopped the unoptimised program. `division`: by zero, which BPF defines and C does not.
   * `builds-differ`: the optimised program does something else, which C allows where behaviour is undefined.
   */
  kind: 'fault' | 'division' | 'builds-differ';
  message: string;
  /** Absolute. */
  file: string | undefined;
  line: number | undefined;
  column: number | undefined;
  /** `packet`, `context` and `maps` as in a test file. */
  input: { [field: string]: TestJson[string] };
}

interface Setting {
  image: ProgramImage;
  object: BpfObject;
  schemas: Schemas;
  recorded: readonly { kept: Found; run: RunResult }[];
}

export function problemsOf(
  findings: readonly Finding[],
  { image, object, schemas, recorded }: Setting,
): FoundProblem[] {
  const programs = [...image.linked.programs.values()];
  const place = (number: number, slot: number): SourcePlace | undefined => {
    const program = programs[number];
    return program === undefined ? undefined : image.placeOf(program, slot).source;
  };
  const problems: FoundProblem[] = [];
  for (const { input, what } of findings) {
    const test = asInput(input, schemas);
    if (what.kind === 'division') {
      const message =
        'the divisor is 0: BPF gives 0 for a quotient and the dividend for a remainder, C leaves it undefined';
      problems.push({ kind: 'division', message, ...at(place(what.program, what.slot), object), input: test });
      continue;
    }
    const number = programs.findIndex(({ name }) => name === what.fault.program);
    const { message } = what.fault;
    problems.push({ kind: 'fault', message, ...at(place(number, what.fault.insn), object), input: test });
  }
  for (const { kept, run } of recorded) {
    const { retval, packetOut } = kept.trace.run;
    if (retval === run.retval && equalBytes(packetOut, run.packetOut)) continue;
    const message =
      retval === run.retval
        ? 'compiled without optimisation the program makes another packet'
        : `the program gives ${run.action}, and compiled without optimisation ${actionName(retval)}`;
    problems.push({
      kind: 'builds-differ',
      message: `${message}: usually some behaviour of it is undefined in C`,
      ...at(undefined, object),
      input: asInput(kept.input, schemas),
    });
  }
  return problems;
}

function at(source: SourcePlace | undefined, object: BpfObject): Pick<FoundProblem, 'file' | 'line' | 'column'> {
  if (source === undefined) return { file: undefined, line: undefined, column: undefined };
  return { file: absolute(source.file, object), line: source.line, column: source.column };
}

/** Debug information has paths as the compiler was given them. */
export function absolute(file: string, object: BpfObject): string {
  return path.resolve(path.dirname(object.file), file);
}

function asInput(input: Input, schemas: Schemas): FoundProblem['input'] {
  const { packet, packetText, context, setups } = inputAsTest(input, schemas);
  return {
    packet: packetText ?? { hex: toHex(packet) },
    ...(Object.keys(context).length === 0 ? {} : { context: contextJson(context) }),
    ...(setups.length === 0 ? {} : { maps: setupsJson(setups) }),
  };
}
