import { type ParseArgsConfig, parseArgs } from 'node:util';
import { XdpError } from '../core/errors.ts';
import type { AttachmentRegistry } from '../session/attach/registry.ts';
import type { BuildOptions } from '../session/bpfObject.ts';
import type { KernelAccess } from '../session/kernelAccess.ts';
import type { Output } from './output.ts';

/** What every verb gets: where to write, and lazily made access to the kernel. */
export interface Context {
  output: Output;
  /** Where this program's own files lie. */
  dist: string;
  kernel: KernelAccess;
  registry: AttachmentRegistry;
  build: BuildOptions;
  /** Aborted on Ctrl-C and SIGTERM. */
  signal: AbortSignal;
}

/** 0 done and true; 1 the answer is no; 2 usage or environment. */
export type ExitCode = 0 | 1 | 2;

export interface Verb {
  /** One line for `xdp --help`. */
  summary: string;
  /** Synopsis without the leading `xdp`. */
  usage: string;
  run(args: readonly string[], context: Context): Promise<ExitCode>;
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<typeof parseArgs<{ options: T; allowPositionals: true; strict: true }>>;

/** Parses a verb's arguments; whatever does not fit is a usage error that shows the synopsis. */
export function parse<T extends Options>(
  usage: string,
  args: readonly string[],
  options: T,
  positionals: { min: number; max: number },
): Parsed<T> {
  let parsed: Parsed<T>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true }) as Parsed<T>;
  } catch (cause) {
    const why = inOurWords(cause);
    throw new XdpError('usage', why, { fix: `Usage: xdp ${usage}`, cause });
  }
  const { length } = parsed.positionals;
  if (length < positionals.min || length > positionals.max) {
    const why =
      length < positionals.min ? 'An argument is missing.' : `Too many arguments: ${parsed.positionals.join(' ')}.`;
    throw new XdpError('usage', why, { fix: `Usage: xdp ${usage}` });
  }
  return parsed;
}

/** Node.js tells what is wrong with an argument in sentences that name Node.js's rules. */
function inOurWords(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const [, option = ''] = /'(-[^' ]*)/.exec(cause.message) ?? [];
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION':
      return `There is no option ${option}.`;
    case 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE':
      return / does not take an argument/.test(cause.message)
        ? `The option ${option} takes no value.`
        : `The option ${option} needs a value.`;
    default:
      return cause.message;
  }
}

export function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found !== undefined) return found;
  throw new XdpError('usage', `${name} cannot be ${value}.`, { fix: `It is one of: ${allowed.join(', ')}.` });
}

export function wholeNumber(name: string, value: string, range: { min: number; max: number }): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= range.min && number <= range.max) return number;
  throw new XdpError('usage', `${name} cannot be ${value}.`, {
    fix: `It is a whole number from ${range.min} to ${range.max}.`,
  });
}
