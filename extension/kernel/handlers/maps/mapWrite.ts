import { toErrorData, XdpError } from '../../../core/errors.ts';
import { mapTypeName, mapTypeNumber, roundUp8, valueBytes } from '../../../core/maps/types.ts';
import type { MapWrite, MapWritten } from '../../../protocol/kernel.ts';
import type { Libbpf } from '../../libbpf/port.ts';
import type { Context } from '../context.ts';
import { lookupInto, requireSize } from './mapLookup.ts';
import type { OpenMap } from './mapRefs.ts';
import { readingOf, unknownType, unreadable } from './mapTraits.ts';
import { ownerOf, withOwner } from './owners.ts';
import { withReference } from './references.ts';
import { writeError, writeFlags } from './writeFailures.ts';

/** One entry, all of its CPUs. */
export function update(
  context: Context,
  map: OpenMap,
  entry: { key: Uint8Array; value: Uint8Array; flags: number },
): void {
  const { libbpf } = context;
  if (mapTypeNumber(mapTypeName(map.info.type)) === undefined) throw unreadable(map.info, map.name, unknownType);
  requireSize(map, 'key', entry.key.length, map.info.keySize);
  requireSize(map, 'value', entry.value.length, bytesOfValue(context, map));
  const result = withReference(context, map, entry.value, (value) =>
    withKey(libbpf, map, entry.key, (key) => libbpf.mapUpdate(map.fd, key, value, entry.flags)),
  );
  if (result < 0) throw writeError(libbpf, map, { did: 'updated', ...entry, result });
}

export function remove({ libbpf }: Context, map: OpenMap, key: Uint8Array): void {
  requireSize(map, 'key', key.length, map.info.keySize);
  const result = withKey(libbpf, map, key, (given) => libbpf.mapDelete(map.fd, given ?? key));
  if (result < 0) throw writeError(libbpf, map, { did: 'deleted', flags: 0, key, result });
}

/** The key as the kernel takes it: none where the map has none, a descriptor where a value hangs on a process or a cgroup. */
function withKey(libbpf: Libbpf, map: OpenMap, key: Uint8Array, work: (key: Uint8Array | undefined) => number): number {
  const owner = ownerOf(mapTypeName(map.info.type));
  return owner === undefined ? work(map.info.keySize === 0 ? undefined : key) : withOwner(libbpf, owner, key, work);
}

function bytesOfValue(context: Context, { info }: OpenMap): number {
  return valueBytes(mapTypeName(info.type), info.valueSize, context.system.possibleCpus().length);
}

/** All fail alike then: the map is full, or frozen. */
const maxFailures = 100;
/** As many as are looked up at once. Each has room for two values in the reply, which only the map's own size bounds. */
const maxWritten = 4096;

type Request = Omit<MapWrite, 'map'>;

/** Sets or deletes many entries, each read before and after. */
export function write(context: Context, map: OpenMap, request: Request): MapWritten {
  const { count, kind } = request;
  if (count > maxWritten) {
    throw new XdpError('usage', `At most ${maxWritten} entries are written at once, not ${count}`);
  }
  const { keySize } = map.info;
  const valueSize = bytesOfValue(context, map);
  requireSize(map, 'key', request.keys.length, count * keySize);
  if (kind === 'set') {
    requireSize(map, 'value', request.values?.length ?? 0, count * valueSize);
    if (request.mask !== undefined) requireSize(map, 'value', request.mask.length, count * valueSize);
  }
  const reply = {
    tried: 0,
    had: new Uint8Array(count),
    previous: new Uint8Array(count * valueSize),
    has: new Uint8Array(count),
    now: new Uint8Array(count * valueSize),
    failures: [] as MapWritten['failures'],
  };
  const readable = readingOf(map.info).kind !== 'none';
  for (let index = 0; index < count && reply.failures.length < maxFailures; index++) {
    const key = request.keys.subarray(index * keySize, (index + 1) * keySize);
    const valueOf = (all: Uint8Array): Uint8Array => all.subarray(index * valueSize, (index + 1) * valueSize);
    const look = (into: Uint8Array): number =>
      readable && lookupInto(context.libbpf, map, key, valueOf(into)) >= 0 ? 1 : 0;
    reply.tried++;
    reply.had[index] = look(reply.previous);
    try {
      const before = reply.had[index] === 1 ? valueOf(reply.previous) : undefined;
      if (kind === 'delete') remove(context, map, key);
      else {
        const mask = request.mask === undefined ? undefined : valueOf(request.mask);
        setOne(context, map, request, { key, value: valueOf(request.values ?? new Uint8Array(0)), mask, before });
      }
    } catch (error) {
      if (!(error instanceof XdpError)) throw error;
      reply.failures.push({ index, error: toErrorData(error) as MapWritten['failures'][number]['error'] });
    }
    reply.has[index] = look(reply.now);
  }
  return reply;
}

interface Entry {
  key: Uint8Array;
  value: Uint8Array;
  mask: Uint8Array | undefined;
  before: Uint8Array | undefined;
}

function setOne(context: Context, map: OpenMap, request: Request, { key, value, mask, before }: Entry): void {
  const flags = request.expect === undefined ? writeFlags.any : writeFlags[request.expect];
  // Of an entry that is new everything is meant.
  const meant = mask === undefined || before === undefined ? value : mergeBits(value, before, mask);
  const whole = request.slots === undefined ? meant : mergeSlots(map, meant, before, request.slots);
  update(context, map, { key, value: whole, flags });
}

/** The bits that are meant over those that are there. */
function mergeBits(value: Uint8Array, before: Uint8Array, mask: Uint8Array): Uint8Array {
  return value.map((byte, at) => {
    const bits = mask[at] ?? 0;
    return (byte & bits) | ((before[at] ?? 0) & ~bits);
  });
}

/** The slots that are given over those that are there, or over zeros. */
function mergeSlots(
  map: OpenMap,
  value: Uint8Array,
  before: Uint8Array | undefined,
  slots: readonly number[],
): Uint8Array {
  const size = roundUp8(map.info.valueSize);
  const merged = before === undefined ? new Uint8Array(value.length) : Uint8Array.from(before);
  for (const slot of slots) {
    const given = value.subarray(slot * size, (slot + 1) * size);
    if (given.length !== size) throw new XdpError('usage', `${map.name} has no value in place ${slot}`);
    merged.set(given, slot * size);
  }
  return merged;
}
