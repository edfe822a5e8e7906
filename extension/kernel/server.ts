import * as v from 'valibot';
import { type MessageConnection, ResponseError } from 'vscode-jsonrpc/node';
import { toErrorData, XdpError } from '../core/errors.ts';
import { kernelContract, type KernelEvents, kernelProtocolVersion } from '../protocol/kernel.ts';
import type { Handlers } from '../protocol/rpc.ts';

type KernelHandlers = Handlers<typeof kernelContract>;
type AnyHandler = (params: unknown) => unknown;

/** JSON-RPC's code for an error of the application; ours travels in `data`. */
const applicationError = -32000;

/**
 * Answers the contract on a connection. `start` makes the handlers when the first good `hello` comes, so that a missing
 * library is that request's error. Before it everything else is refused, and a `hello` of another version too.
 */
export function serve(connection: MessageConnection, start: () => Promise<KernelHandlers>): void {
  let starting: Promise<KernelHandlers> | undefined;
  let greeted = false;

  async function answer(method: string, params: unknown): Promise<unknown> {
    if (!isMethod(method)) throw new XdpError('helper-protocol', `The helper has no method ${method}`);
    const parsed = v.safeParse(kernelContract[method].params, params);
    if (method === 'hello') refuseOtherVersions(params);
    else if (!greeted) throw protocolError(`The helper was asked for ${method} before a hello that it accepts`);
    if (!parsed.success) {
      throw new XdpError('usage', `${method}: ${parsed.issues.map(describeIssue).join('; ')}`);
    }
    starting ??= start();
    const handlers = await starting.catch((error: unknown) => {
      starting = undefined;
      throw error;
    });
    // isMethod ties the two together; TypeScript cannot follow a correlated union through the index.
    const result = await (handlers[method] as AnyHandler)(parsed.output);
    if (method === 'hello') greeted = true;
    return result;
  }

  connection.onRequest(async (method: string, params: unknown) => {
    try {
      return await answer(method, params);
    } catch (error) {
      const data = toErrorData(error);
      return new ResponseError(applicationError, data.message, data);
    }
  });
}

function refuseOtherVersions(params: unknown): void {
  const theirs = v.safeParse(kernelContract.hello.params, params);
  if (theirs.success && theirs.output.protocolVersion === kernelProtocolVersion) return;
  const version = theirs.success ? String(theirs.output.protocolVersion) : 'none';
  throw protocolError(`This helper speaks protocol ${kernelProtocolVersion}, the other side ${version}`);
}

function protocolError(message: string): XdpError {
  return new XdpError('helper-protocol', message, {
    fix: 'Reload the window: the extension was probably updated while it ran.',
  });
}

/** Sends events as notifications. */
export function emitter(
  connection: MessageConnection,
): <E extends keyof KernelEvents>(event: E, data: KernelEvents[E]) => void {
  return (event, data) => {
    // A pipe that is closing takes no more; the process ends then.
    connection.sendNotification(event, data).catch(() => {});
  };
}

function isMethod(method: string): method is keyof KernelHandlers {
  return Object.hasOwn(kernelContract, method);
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  return path === null ? issue.message : `${path}: ${issue.message}`;
}
