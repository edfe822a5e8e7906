import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readBtf } from '../../core/btf/readBtf.ts';
import type { Btf } from '../../core/btf/types.ts';
import { XdpError } from '../../core/errors.ts';
import type { RawPage } from '../../core/maps/entries.ts';
import { type MapSchema, mapSchema } from '../../core/maps/schema.ts';
import { isPerCpu, mapTypeNumber } from '../../core/maps/types.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { MapInfo, MapRef, ProgramInfo } from '../../protocol/kernel.ts';
import type { BpfObject } from '../bpfObject.ts';

/** A map that can be read: where it is, what it is, how its bytes decode. */
export interface OpenMap {
  ref: MapRef;
  info: MapInfo;
  schema: MapSchema;
  /** Raw BTF that the schema was made from, for views that decode themselves. */
  btf: Uint8Array | undefined;
}

/** A map of an object that this session loaded: its BTF is the object's own. */
export function openLoadedMap(client: HelperClient, object: BpfObject, info: MapInfo): OpenMap {
  const spec = object.spec.maps.find((map) => map.name === info.name);
  const keyTypeId = spec?.keyTypeId ?? 0;
  const valueTypeId = spec?.valueTypeId ?? 0;
  return {
    ref: { id: info.id },
    info: { ...info, btfKeyTypeId: keyTypeId, btfValueTypeId: valueTypeId },
    schema: mapSchema(info, object.spec.btf, keyTypeId, valueTypeId, client.hello.possibleCpus),
    btf: object.spec.btfBytes,
  };
}

/** Any map of the system, or a pin: its BTF is asked from the kernel. */
export async function openMap(client: HelperClient, ref: MapRef): Promise<OpenMap> {
  const info = await client.call('map/info', { map: ref });
  if (info.vmlinuxValueTypeId !== undefined) return await openStructOps(client, ref, info, info.vmlinuxValueTypeId);
  const { btf, bytes } = await btfOf(client, info);
  return {
    ref,
    info,
    schema: mapSchema(info, btf, info.btfKeyTypeId, info.btfValueTypeId, client.hello.possibleCpus),
    btf: bytes,
  };
}

/** A table of a kernel's operations is of a type that only the kernel itself has; functions in it are shown as ids of programs. */
async function openStructOps(client: HelperClient, ref: MapRef, info: MapInfo, valueTypeId: number): Promise<OpenMap> {
  const bytes = await readFile('/sys/kernel/btf/vmlinux').catch(() => undefined);
  const btf = bytes === undefined ? undefined : readBtf(bytes);
  const schema = mapSchema(info, btf, 0, valueTypeId, client.hello.possibleCpus);
  return { ref, info: { ...info, btfValueTypeId: valueTypeId }, schema, btf: bytes };
}

async function btfOf(
  client: HelperClient,
  info: MapInfo,
): Promise<{ btf: Btf | undefined; bytes: Uint8Array | undefined }> {
  if (info.btfId === 0) return { btf: undefined, bytes: undefined };
  try {
    const { btf: bytes } = await client.call('btf/get', { id: info.btfId });
    return { btf: readBtf(bytes), bytes };
  } catch (error) {
    // Without CAP_SYS_ADMIN the BTF of a pinned map cannot be fetched: its bytes are still worth showing.
    if (error instanceof XdpError && error.code === 'privilege') return { btf: undefined, bytes: undefined };
    throw error;
  }
}

/**
 * A map argument of the CLI contract: with `/` a pin, digits an id, else a name. The kernel keeps 15 characters of a
 * name, so a longer one is compared by those.
 */
export async function findMap(client: HelperClient, text: string): Promise<MapRef> {
  if (text.includes('/')) return { pin: path.resolve(text) };
  if (/^\d+$/.test(text)) {
    if (Number(text) <= 0xffffffff) return { id: Number(text) };
    throw new XdpError('map-not-found', `There is no map with id ${text}: ids have 32 bits.`);
  }
  const { maps } = await client.call('map/list', {});
  // libbpf names global data `OBJECT.data`; the source knows it as `.data`.
  const matches = maps.filter(
    ({ name }) => name === text || name === text.slice(0, 15) || (text.startsWith('.') && name.endsWith(text)),
  );
  const [only] = matches;
  if (!only) {
    throw new XdpError('map-not-found', `No map named ${text} is loaded on this system.`, {
      fix: '`xdp maps` lists the maps that are there. A map lives as long as its program, or a pin, holds it.',
    });
  }
  if (matches.length > 1) {
    const ids = matches.map((map) => String(map.id));
    const why = text.length > 15 ? `of which the kernel keeps 15 characters, ` : '';
    throw new XdpError('map-ambiguous', `${matches.length} maps are named ${text}, ${why}with ids ${ids.join(', ')}.`, {
      fix: `Name one by its id, for example ${only.id}.`,
      details: { ids },
    });
  }
  return { id: only.id };
}

/** The helper gives as many as make a good page. */
const pageEntries = 1 << 16;

/** Reads up to `maxEntries` entries (all by default), page by page; never more than the map can hold. */
export async function readMap(
  client: HelperClient,
  ref: MapRef,
  options: { maxEntries: number },
): Promise<RawPage & { atNs: bigint; truncated: boolean }> {
  const keys: Uint8Array[] = [];
  const values: Uint8Array[] = [];
  let count = 0;
  let cursor: Uint8Array | undefined;
  for (;;) {
    const limit = Math.min(pageEntries, options.maxEntries - count);
    if (limit <= 0) return { count, keys: join(keys), values: join(values), atNs: 0n, truncated: true };
    const page = await client.call('map/read', { map: ref, limit, ...(cursor ? { cursor } : {}) });
    keys.push(page.keys);
    values.push(page.values);
    count += page.count;
    cursor = page.cursor;
    if (!cursor) return { count, keys: join(keys), values: join(values), atNs: page.atNs, truncated: false };
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

const keylessTypes = new Set([
  'ringbuf',
  'user_ringbuf',
  'perf_event_array',
  'bloom_filter',
  'xskmap',
  // Addresses of code, which are others in each run and on each engine.
  'stack_trace',
  'cgroup_array',
  'arena',
  'insn_array',
  'sk_storage',
  'inode_storage',
  'task_storage',
  'cgrp_storage',
]);

/** Can the entries of this map be listed at all? Views skip the others instead of showing an error on each. */
export function isListable(type: string): boolean {
  return !keylessTypes.has(type) && mapTypeNumber(type) !== undefined;
}

/** Counters first: per-CPU maps before shared ones, then global data, and last what has no entries. */
export function byInterest(left: MapInfo, right: MapInfo): number {
  return rank(left) - rank(right) || left.id - right.id;
}

function rank(map: MapInfo): number {
  if (!isListable(map.type)) return 3;
  if (map.name.startsWith('.') || /\.(rodata|data|bss)/.test(map.name)) return 2;
  return isPerCpu(map.type) ? 0 : 1;
}

/** Which programs use each map, by map id. */
export function usersOfMaps(programs: readonly ProgramInfo[]): Map<number, string[]> {
  const users = new Map<number, string[]>();
  for (const program of programs) {
    for (const id of program.mapIds) {
      const names = users.get(id) ?? [];
      names.push(program.name);
      users.set(id, names);
    }
  }
  return users;
}
