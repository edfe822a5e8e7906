import { XdpError } from '../../../core/errors.ts';
import { mapTypeName, valueBytes } from '../../../core/maps/types.ts';
import type { MapPage } from '../../../protocol/kernel.ts';
import { errno, errnoText } from '../../libbpf/errno.ts';
import type { Libbpf } from '../../libbpf/port.ts';
import type { OpenMap } from './mapRefs.ts';
import { type OwnerKind, ownersOf, withOwner } from './owners.ts';
import { mostEntries, readingOf, unreadable } from './mapTraits.ts';

/** Where a page ended. On the wire: one byte for the kind, u32 entries so far, then the kernel's own cursor. */
type Cursor = { kind: 'batch' | 'key'; seen: number; at: Uint8Array };

/**
 * One page's buffers at most; the cursor gets the rest. So much is read in some 15 ms, after which others get their answers, and is
 * enough that the way to and fro hardly counts.
 */
const maxPageBytes = 1 << 20;

export interface ReadRequest {
  map: OpenMap;
  limit: number;
  cursor: Uint8Array | undefined;
  possibleCpus: number;
}

type Page = Omit<MapPage, 'atNs'>;

/**
 * Reads up to `limit` entries. Entries that are deleted meanwhile are skipped, and those that come twice because the
 * table moved under the reader end at max_entries: a read always ends.
 */
export function readMap(libbpf: Libbpf, request: ReadRequest): Page {
  const { info, name } = request.map;
  const reading = readingOf(info);
  switch (reading.kind) {
    case 'none':
      throw unreadable(info, name, reading.reason);
    case 'head':
      return readHead(libbpf, request);
    case 'owners':
      return readByOwners(libbpf, request, reading.of);
    case 'keys':
      return readByKeys(libbpf, request);
  }
}

function readHead(libbpf: Libbpf, { map }: ReadRequest): Page {
  const value = new Uint8Array(map.info.valueSize);
  const result = libbpf.mapLookup(map.fd, undefined, value);
  if (result === -errno.ENOENT) return { count: 0, keys: new Uint8Array(0), values: new Uint8Array(0) };
  if (result < 0) throw unreadable(map.info, map.name, errnoText(result), -result);
  return { count: 1, keys: new Uint8Array(0), values: value };
}

/** The cursor is the last one that was asked for. */
function readByOwners(libbpf: Libbpf, request: ReadRequest, kind: OwnerKind): Page {
  const { map, limit } = request;
  const cursor = cursorOf(request);
  const { valueSize } = map.info;
  const last = cursor === undefined ? -1 : new DataView(cursor.at.buffer).getUint32(0, true);
  const left = ownersOf(libbpf, kind).numbers.filter((number) => number > last);
  const keys: Uint8Array[] = [];
  const values: Uint8Array[] = [];
  for (const [at, number] of left.entries()) {
    const key = new Uint8Array(Uint32Array.of(number).buffer);
    const value = new Uint8Array(valueSize);
    const result = withOwner(libbpf, kind, key, (given) => libbpf.mapLookup(map.fd, given, value));
    if (result >= 0) {
      keys.push(key);
      values.push(value);
    } else if (result !== -errno.ENOENT) {
      throw unreadable(map.info, map.name, explainRead(libbpf, map.fd, result), -result);
    }
    if (keys.length < limit || at === left.length - 1) continue;
    return { ...joined(keys, values), cursor: encodeCursor({ kind: 'key', seen: 0, at: key }) };
  }
  return joined(keys, values);
}

function joined(keys: readonly Uint8Array[], values: readonly Uint8Array[]): Page {
  return { count: keys.length, keys: Buffer.concat(keys), values: Buffer.concat(values) };
}

function readByKeys(libbpf: Libbpf, request: ReadRequest): Page {
  const cursor = cursorOf(request);
  const sizes = sizesOf(request);
  const left = sizes.maxEntries - (cursor?.seen ?? 0);
  const limit = Math.min(request.limit, left, Math.max(1, Math.floor(maxPageBytes / (sizes.key + sizes.value))));
  if (limit <= 0) return { count: 0, keys: new Uint8Array(0), values: new Uint8Array(0) };
  if (cursor?.kind !== 'key') {
    const page = readBatch(libbpf, request, cursor, limit);
    if (page !== undefined) return page;
  }
  return readOneByOne(libbpf, request, cursor, limit);
}

interface Sizes {
  key: number;
  value: number;
  maxEntries: number;
}

function sizesOf({ map: { info }, possibleCpus }: ReadRequest): Sizes {
  return {
    key: info.keySize,
    value: valueBytes(mapTypeName(info.type), info.valueSize, possibleCpus),
    maxEntries: mostEntries(info),
  };
}

/** undefined: this map type, or this kernel, has no batch lookup. */
function readBatch(libbpf: Libbpf, request: ReadRequest, cursor: Cursor | undefined, wanted: number): Page | undefined {
  const { map } = request;
  const sizes = sizesOf(request);
  const seen = cursor?.seen ?? 0;
  let limit = wanted;
  for (;;) {
    const keys = Buffer.allocUnsafe(limit * sizes.key);
    const values = Buffer.allocUnsafe(limit * sizes.value);
    const to = new Uint8Array(batchCursorBytes(sizes.key));
    const { result, count } = libbpf.mapLookupBatch(map.fd, { from: cursor?.at, to, keys, values, limit });
    switch (-result) {
      case 0:
      case errno.ENOENT: {
        const page = {
          count,
          keys: keys.subarray(0, count * sizes.key),
          values: values.subarray(0, count * sizes.value),
        };
        const more = result === 0 && seen + count < sizes.maxEntries;
        return more ? { ...page, cursor: encodeCursor({ kind: 'batch', seen: seen + count, at: to }) } : page;
      }
      case errno.EINTR:
        continue;
      case errno.ENOSPC:
        // A hash bucket holds more entries than the page: buckets come whole.
        if (limit >= sizes.maxEntries) throw unreadable(map.info, map.name, errnoText(result), errno.ENOSPC);
        limit = Math.min(sizes.maxEntries, limit * 2 + 8);
        continue;
      case errno.ENOTSUPP:
      case errno.EOPNOTSUPP:
      case errno.EINVAL:
        if (cursor === undefined) return undefined;
        throw unreadable(map.info, map.name, errnoText(result), -result);
      default:
        throw unreadable(map.info, map.name, explainRead(libbpf, map.fd, result), -result);
    }
  }
}

function readOneByOne(libbpf: Libbpf, request: ReadRequest, cursor: Cursor | undefined, limit: number): Page {
  const { map } = request;
  const sizes = sizesOf(request);
  const keys = Buffer.allocUnsafe(limit * sizes.key);
  const values = Buffer.allocUnsafe(limit * sizes.value);
  let previous = cursor?.at;
  let seen = cursor?.seen ?? 0;
  let count = 0;
  while (count < limit && seen < sizes.maxEntries) {
    const key = keys.subarray(count * sizes.key, (count + 1) * sizes.key);
    const next = libbpf.mapNextKey(map.fd, previous, key);
    if (next === -errno.ENOENT) return page(undefined);
    if (next < 0) throw unreadable(map.info, map.name, explainRead(libbpf, map.fd, next), -next);
    previous = Uint8Array.from(key);
    seen++;
    const value = values.subarray(count * sizes.value, (count + 1) * sizes.value);
    const result = libbpf.mapLookup(map.fd, key, value);
    if (result >= 0) count++;
    else if (result !== -errno.ENOENT)
      throw unreadable(map.info, map.name, explainRead(libbpf, map.fd, result), -result);
  }
  return page(seen < sizes.maxEntries ? previous : undefined);

  function page(at: Uint8Array | undefined): Page {
    return {
      count,
      keys: keys.subarray(0, count * sizes.key),
      values: values.subarray(0, count * sizes.value),
      ...(at === undefined ? {} : { cursor: encodeCursor({ kind: 'key', seen, at }) }),
    };
  }
}

function explainRead(libbpf: Libbpf, fd: number, result: number): string {
  switch (-result) {
    case errno.EPERM:
      return libbpf.mapFacts(fd).access === 'write'
        ? 'it was created write-only for its loader (BPF_F_WRONLY)'
        : 'the kernel does not let user space read it (its flags, or missing capabilities)';
    case errno.EOPNOTSUPP:
    case errno.ENOTSUPP:
      return 'the kernel has no lookup for this map type from user space';
    default:
      return errnoText(result);
  }
}

function encodeCursor({ kind, seen, at }: Cursor): Uint8Array {
  const bytes = Buffer.alloc(5 + at.length);
  bytes.writeUInt8(kind === 'batch' ? 0 : 1, 0);
  bytes.writeUInt32LE(seen, 1);
  bytes.set(at, 5);
  return bytes;
}

/** Where this page starts. The kernel reads as many bytes of it as the map says, so that it must have them. */
function cursorOf({ cursor: bytes, map: { info } }: ReadRequest): Cursor | undefined {
  if (bytes === undefined) return undefined;
  const kind = bytes[0] === 0 ? 'batch' : 'key';
  const wanted = kind === 'batch' ? batchCursorBytes(info.keySize) : info.keySize;
  if (bytes.length !== 5 + wanted) throw new XdpError('usage', 'The cursor of a map page is damaged');
  return {
    kind,
    seen: new DataView(bytes.buffer, bytes.byteOffset).getUint32(1, true),
    at: Uint8Array.from(bytes.subarray(5)),
  };
}

/** Hash maps use a u32 bucket number, the generic batch a key. */
function batchCursorBytes(keySize: number): number {
  return Math.max(4, keySize);
}
