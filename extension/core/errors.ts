/**
 * Every failure a user can meet. The code is what programs test; the message says what happened, on what and why;
 * `fix` says what to do next. Nobody parses messages.
 */
export const xdpErrorCodes = [
  'usage', // the caller asked for something that makes no sense
  'environment', // something this machine lacks (a tool, a library, a kernel option)
  'not-available', // part of the product that does not exist here yet
  'file-not-found',
  'not-c',
  'not-bpf-object',
  'object-damaged', // truncated or inconsistent ELF / BTF
  'clang-missing',
  'clang-too-old',
  'compile-failed',
  'libbpf-missing',
  'libbpf-too-old',
  'privilege', // a capability is missing; `details.capability` names it
  'elevation-refused', // the user cancelled, or sudo / pkexec said no
  'helper-died',
  'helper-protocol',
  'program-not-found',
  'program-ambiguous',
  'program-rejected', // by the verifier; `details.log` holds its whole log
  'load-failed',
  'interface-not-found',
  'interface-busy', // another program or mode holds the interface
  'interface-gone',
  'mode-unsupported',
  'attach-failed',
  'nothing-attached',
  'foreign-attachment', // not ours: needs --force
  'map-not-found',
  'map-ambiguous',
  'map-unreadable',
  'map-write-failed',
  'map-foreign', // reading it would take events from its owner: needs force
  'filter-invalid', // a filter or sort key; `details.offset` and `details.length` say where in its text
  'value-invalid', // does not fit the type
  'packet-invalid',
  'packet-too-short',
  'packet-too-long',
  'context-invalid',
  'test-run-failed',
  'test-file-invalid', // a packet test file; line and column are in the details
  'netns-not-found',
  'untrusted-workspace',
  'cancelled',
  'kernel', // any other errno; `details.errno` holds it
] as const;

export type XdpErrorCode = (typeof xdpErrorCodes)[number];

/** What is known beyond the message. JSON values only, since errors cross process boundaries. */
export type XdpErrorDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export interface XdpErrorOptions {
  /** What to do next, as one sentence or a command. */
  fix?: string;
  details?: XdpErrorDetails;
  cause?: unknown;
}

export class XdpError extends Error {
  override readonly name = 'XdpError';
  readonly code: XdpErrorCode;
  readonly fix: string | undefined;
  readonly details: XdpErrorDetails;

  constructor(code: XdpErrorCode, message: string, options: XdpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fix = options.fix;
    this.details = options.details ?? {};
  }
}

/** The form in which an error crosses a process boundary. */
export interface XdpErrorData {
  code: XdpErrorCode;
  message: string;
  fix?: string;
  details?: XdpErrorDetails;
}

export function toErrorData(error: unknown): XdpErrorData {
  if (error instanceof XdpError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.fix === undefined ? {} : { fix: error.fix }),
      details: error.details,
    };
  }
  return { code: 'kernel', message: error instanceof Error ? error.message : String(error) };
}

export function fromErrorData(data: XdpErrorData): XdpError {
  const options: XdpErrorOptions = {};
  if (data.fix !== undefined) options.fix = data.fix;
  if (data.details !== undefined) options.details = data.details;
  return new XdpError(data.code, data.message, options);
}

/** One paragraph for people: what happened, then what to do. */
export function describeError(error: unknown): string {
  if (error instanceof XdpError) return error.fix === undefined ? error.message : `${error.message}\n${error.fix}`;
  return error instanceof Error ? error.message : String(error);
}
