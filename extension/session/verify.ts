import { XdpError } from '../core/errors.ts';
import { type ExplainedLog, explainLog, explainProgram, type Failure } from '../core/verifier/explain.ts';
import { objectLines, partsOf } from '../core/verifier/locate.ts';
import { summarize } from '../core/verifier/log.ts';
import type { HelperClient } from '../kernel/client.ts';
import type { VerifiedProgram } from '../protocol/kernel.ts';
import type { BpfObject } from './bpfObject.ts';

/** What the kernel's verifier says of one program, as `xdp verify --json` prints it. */
export interface Verdict {
  name: string;
  verdict: 'accepted' | 'rejected' | 'skipped';
  reason?: string;
  insnsProcessed: number;
  stackBytes: number;
  /** States that the verifier kept to compare paths with; 0 where its log does not say. */
  states: number;
  /** The stack of each function of the program, itself first; empty where the log does not say. */
  stack: { function: string; bytes: number }[];
  failure?: VerifierFailure;
}

/** Why a program was refused, as `xdp verify --json` and `xdp explain --json` print it. */
export interface VerifierFailure {
  /** One of the codes of docs/verifier.md. */
  code: string;
  file: string | null;
  line: number | null;
  column: number | null;
  /** The verifier's own words. */
  message: string;
  explanation: string;
  /** What to write instead. */
  fix?: string;
  /** The C expression that failed. */
  expression?: string;
  /** Where the value came from, where something was proven, where the proof was lost; in the program's order. */
  story: { file: string; line: number; column: number | null; text: string }[];
  log: string;
}

/** Loads every program of the object, or the named one, alone (never attached) and reads the verdicts. */
export async function verifyObject(client: HelperClient, object: BpfObject, named?: string): Promise<Verdict[]> {
  const only = named === undefined ? {} : { programs: [named] };
  const { programs } = await client.call('object/verify', { elf: object.elf, name: object.name, ...only });
  return programs
    .filter(({ name }) => named === undefined || name === named)
    .map((program) => verdictOf(object, program));
}

/**
 * A rejection on the way to something else (attaching, running) says the same as `xdp verify`: place, cause and fix. Other errors, and
 * one that a missing capability explains, stay as they are. `details` get `failure` (the code), `file`, `line`, `column`, `explanation`.
 */
export function explainRejection(error: unknown, object: BpfObject): unknown {
  if (!(error instanceof XdpError) || error.code !== 'program-rejected' || 'capability' in error.details) return error;
  const { log, program } = error.details;
  if (typeof log !== 'string' || typeof program !== 'string') return error;
  const failure = explainProgram(log, objectLines(object.elf), program);
  if (failure === undefined) return error;
  const { code, file, line, column, explanation, fix } = failureJson(failure, log);
  const place = file === null ? '' : `${[file, line, column].filter((part) => part !== null).join(':')}: `;
  return new XdpError(error.code, error.message, {
    fix: [`${place}${explanation}`, ...(fix === undefined ? [] : [fix])].join('\n'),
    details: { ...error.details, failure: code, file, line, column, explanation },
    cause: error,
  });
}

/** Explains every failure in a text that holds logs of the verifier; places come from the object where it fits. */
export function explainText(text: string, object?: BpfObject): (VerifierFailure & { program: string | null })[] {
  const lines = object === undefined ? undefined : objectLines(object.elf);
  return explainLog(text, lines).map(({ program, failure, log }: ExplainedLog) => ({
    program: program ?? null,
    ...failureJson(failure, log),
  }));
}

/** What a loaded or refused program's log says. */
export function verdictOf(object: BpfObject, program: VerifiedProgram): Verdict {
  const summary = summarize(program.log);
  const verdict: Verdict = {
    name: program.name,
    verdict: program.verdict,
    ...(program.reason === undefined ? {} : { reason: program.reason }),
    insnsProcessed: summary.processed ?? 0,
    stackBytes: summary.stackBytes ?? 0,
    states: summary.states ?? 0,
    stack: stackOf(object, program.name, summary.stack ?? []),
  };
  if (program.verdict !== 'rejected') return verdict;
  const failure = explainProgram(program.log, objectLines(object.elf), program.name) ?? silent(program);
  return { ...verdict, failure: failureJson(failure, program.log) };
}

/** The log lists sizes without names, in the order in which the functions are loaded. */
function stackOf(object: BpfObject, program: string, sizes: readonly number[]): Verdict['stack'] {
  const parts = partsOf(objectLines(object.elf), program);
  if (parts.length !== sizes.length) return [];
  return parts.map(({ name }, index) => ({ function: name, bytes: sizes[index] ?? 0 }));
}

/** The kernel refused the program, and its log does not say why. */
function silent(program: VerifiedProgram): Failure {
  return {
    code: 'unknown',
    message: program.reason ?? `the kernel refused the program (errno ${program.errno})`,
    explanation: 'The kernel refused the program and its log gives no reason.',
    story: [],
  };
}

export function failureJson(failure: Failure, log: string): VerifierFailure {
  const { code, message, explanation, fix, expression, place, story } = failure;
  return {
    code,
    file: place?.file ?? null,
    line: place?.line ?? null,
    column: place?.column ?? null,
    message,
    explanation,
    ...(fix === undefined ? {} : { fix }),
    ...(expression === undefined ? {} : { expression }),
    story: story.map((entry) => ({ ...entry.place, text: entry.text })),
    log,
  };
}
