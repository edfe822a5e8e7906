import type { DebugProtocol } from '@vscode/debugprotocol';
import { translated } from '../core/text/language.ts';

/** What people read of a message to the client, in their language: names, reasons and C's own values are as they are. */
export function eventInWords(event: DebugProtocol.Event): DebugProtocol.Event {
  const { body } = event as { body?: unknown };
  if (event.event === 'output') return { ...event, body: withWords(body, ['output']) };
  return event.event === 'stopped' ? { ...event, body: withWords(body, ['text', 'description']) } : event;
}

export function responseInWords(response: DebugProtocol.Response): void {
  const { body } = response as { body?: unknown };
  if (!isRecord(body)) return;
  switch (response.command) {
    case 'initialize':
      response.body = {
        ...body,
        exceptionBreakpointFilters: listWithWords(body['exceptionBreakpointFilters'], ['label']),
      };
      return;
    case 'setBreakpoints':
    case 'setInstructionBreakpoints':
    case 'setDataBreakpoints':
      response.body = { ...body, breakpoints: listWithWords(body['breakpoints'], ['message']) };
      return;
    case 'scopes':
      response.body = { ...body, scopes: listWithWords(body['scopes'], ['name']) };
      return;
    case 'variables':
      response.body = { ...body, variables: listWithWords(body['variables'], ['value']) };
      return;
    case 'evaluate':
      response.body = withWords(body, ['result']);
      return;
    case 'exceptionInfo':
    case 'dataBreakpointInfo':
      response.body = withWords(body, ['description']);
      return;
  }
}

function listWithWords(list: unknown, fields: readonly string[]): unknown {
  return Array.isArray(list) ? list.map((each: unknown) => withWords(each, fields)) : list;
}

function withWords(value: unknown, fields: readonly string[]): unknown {
  if (!isRecord(value)) return value;
  const words = fields.flatMap((field) => {
    const text = value[field];
    return typeof text === 'string' ? [[field, inWords(text, field)] as const] : [];
  });
  return { ...value, ...Object.fromEntries(words) };
}

/** Line breaks, indentation, C strings and what a program printed stay, and so does a value of one word, which may be a name of C. */
function inWords(text: string, field: string): string {
  const isName = (field === 'value' || field === 'result') && !text.includes(' ');
  return isName || /^(?:"|bpf_printk: )/.test(text) ? text : text.replace(/[^\s].*[^\s]/g, (line) => translated(line));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
