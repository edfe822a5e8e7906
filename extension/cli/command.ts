import { type ParseArgsConfig, parseArgs } from 'node:util';
import { XdpError } from '../core/errors.ts';
import type { AttachmentRegistry } from '../session/attach/registry.ts';
import type { BuildOptions } from '../session/bpfObject.ts';
import type { KernelAccess } from '../session/kernelAccess.ts';
import { meant } from './habits.ts';
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
    throw inOurWords(cause, usage, Object.keys(options));
  }
  const { length } = parsed.positionals;
  if (length < positionals.min) throw usageError('An argument is missing.', usage);
  if (length > positionals.max) {
    const left = wantedOptions(usage).filter((option) => !Object.hasOwn(parsed.values, option.slice(2)));
    throw usageError(
      `Too many arguments: ${parsed.positionals.join(' ')}.`,
      usage,
      left.map((option) => `One of them belongs behind ${option}.`),
    );
  }
  return parsed;
}

/** `hints`: what is likely to be meant. */
export function usageError(message: string, usage: string, hints: readonly string[] = [], cause?: unknown): XdpError {
  return new XdpError('usage', message, { fix: [...hints, `Usage: xdp ${usage}`].join('\n'), cause });
}

/** Those that a verb cannot do without stand before all that is in brackets: `attach FILE --iface IF [--prog NAME]`. */
function wantedOptions(usage: string): string[] {
  const [always = ''] = usage.split('[');
  return always.match(/--\w+(?= [A-Z])/g) ?? [];
}

/** Node.js tells what is wrong with an argument in sentences that name Node.js's rules. */
function inOurWords(cause: unknown, usage: string, known: readonly string[]): XdpError {
  if (!(cause instanceof Error)) return usageError(String(cause), usage, [], cause);
  const [, option = ''] = /'(-[^' ]*)/.exec(cause.message) ?? [];
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION': {
      const hints = meant(
        'option',
        option,
        known.map((name) => `--${name}`),
      );
      return usageError(`There is no option ${option}.`, usage, hints, cause);
    }
    case 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE': {
      const why = / does not take an argument/.test(cause.message)
        ? `The option ${option} takes no value.`
        : `The option ${option} needs a value.`;
      const dashed = / is ambiguous/.test(cause.message);
      return usageError(why, usage, dashed ? [`One that begins with - is written ${option}=VALUE.`] : [], cause);
    }
    default:
      return usageError(cause.message, usage, [], cause);
  }
}

/** To be thrown where the kernel was asked for by default: the built-in machine needs no privilege. */
export function adviseMachine(error: unknown): unknown {
  if (!(error instanceof XdpError) || !['privilege', 'elevation-refused'].includes(error.code)) return error;
  const { code, message, fix = '', details } = error;
  const machine = 'Or run it in the built-in machine, which needs no privilege: --engine vm';
  return new XdpError(code, message, { fix: `${fix}\n${machine}`.trim(), details, cause: error });
}

export function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found !== undefined) return found;
  throw new XdpError('usage', `${name} cannot be ${value}.`, {
    fix: [...meant('value', value, allowed), `It is one of: ${allowed.join(', ')}.`].join('\n'),
  });
}

export function wholeNumber(name: string, value: string, range: { min: number; max: number }): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= range.min && number <= range.max) return number;
  throw new XdpError('usage', `${name} cannot be ${value}.`, {
    fix: `It is a whole number from ${range.min} to ${range.max}.`,
  });
}
