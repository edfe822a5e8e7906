import { readFile } from 'node:fs/promises';
import { type BpfObject } from '../../../session/bpfObject.ts';
import { fileError, requireRegularFile } from '../../../session/userFiles.ts';
import type { HelperClient } from '../../../session/kernelAccess.ts';
import { packetArgument } from '../../../session/run/packetArgument.ts';
import type { RunRequest } from '../../../session/run/run.ts';
import type { Context, parse } from '../../command.ts';

export const options = {
  packet: { type: 'string' },
  prog: { type: 'string' },
  repeat: { type: 'string' },
  ctx: { type: 'string', default: '{}' },
  maps: { type: 'string', default: '{}' },
  engine: { type: 'string', default: 'kernel' },
  netns: { type: 'string' },
  attached: { type: 'string' },
  live: { type: 'string' },
  batch: { type: 'string' },
  record: { type: 'string' },
  name: { type: 'string' },
  story: { type: 'boolean', default: false },
  output: { type: 'string', short: 'o' },
  'event-type': { type: 'string' },
} as const;

export type RunValues = ReturnType<typeof parse<typeof options>>['values'];

/** What every way of running a file's program needs. */
export interface RunInputs extends Pick<RunRequest, 'program' | 'context' | 'setups'> {
  object: BpfObject;
  /** Absent for the built-in machine. */
  client: HelperClient | undefined;
}

/** The bytes of `--packet`, with what there is to say about them on stderr. */
export async function packetOf(text: string, { output }: Pick<Context, 'output'>): Promise<Uint8Array> {
  const { bytes, layers, warnings } = await packetArgument(text);
  if (layers[0]?.name !== 'Ether') {
    output.note('packet: it does not begin with Ether(); an XDP program sees an Ethernet frame.');
  }
  for (const warning of warnings) output.note(`packet: ${warning}`);
  return bytes;
}

/** JSON as it stands, or `@file`. */
export async function textOf(argument: string): Promise<string> {
  if (!argument.startsWith('@')) return argument;
  const file = argument.slice(1);
  await requireRegularFile(file);
  return await readFile(file, 'utf8').catch((cause: unknown) => {
    throw fileError(file, cause);
  });
}
