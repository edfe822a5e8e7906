import koffi from 'koffi';
import type { IdKind, Libbpf, PrintLevel } from '../libbpf/port.ts';
import {
  decodeLinkInfo,
  decodeMapInfo,
  decodeProgramInfo,
  linkInfoBytes,
  mapFacts,
  mapInfoBytes,
  programInfoBytes,
  programInfoMapCount,
  programInfoMapIds,
} from './info.ts';
import { openEvents } from './events.ts';
import { closeFd, openProcess, openThread } from './libc.ts';
import { loadLibbpf, openLibrary } from './library.ts';
import { overhearLinkFailure } from './linkWords.ts';
import { mapUses } from './mapUses.ts';
import { openObject } from './object.ts';
import { readProgramCode } from './programCode.ts';
import { countSocketStorage } from './socketStorage.ts';
import { type LibbpfSymbols, libbpfSymbols } from './symbols.ts';
import { tcCalls } from './tc.ts';
import { runLive, runTest, runTestInBackground } from './testRun.ts';

const BPF_XDP = 37; // enum bpf_attach_type
const BPF_MAP_TYPE_ARRAY = 2;
const BPF_STATS_RUN_TIME = 0;

/** The port on the real libbpf.so.1. Throws `libbpf-missing` or `libbpf-too-old`. */
export function bindLibbpf(): Libbpf {
  const library = loadLibbpf();
  const libbpf = libbpfSymbols(library);
  return {
    version: `${libbpf.majorVersion()}.${libbpf.minorVersion()}`,
    onPrint: (sink) => capturePrint(libbpf, sink),
    openObject: (elf, name) => openObject(libbpf, elf, name),
    ...infoCalls(libbpf),
    mapFacts,
    mapUses: () => mapUses(libbpf),
    countSocketStorage: (fd, most) => countSocketStorage(libbpf, fd, most),
    openEvents: (type, fd, sink) => openEvents(libbpf, type, fd, sink),
    openById: (kind: IdKind, id) => libbpf.fdById[kind](id),
    nextId: (kind, id) => {
      const next = Buffer.alloc(4);
      const result = libbpf.nextId[kind](id, next);
      return result < 0 ? result : next.readUInt32LE();
    },
    createByteStore: (name, bytes) => {
      const fd = libbpf.mapCreate(BPF_MAP_TYPE_ARRAY, name, 4, bytes.length, 1, null);
      if (fd < 0) return fd;
      const result = libbpf.mapUpdate(fd, Buffer.alloc(4), bytes, 0);
      if (result >= 0) return fd;
      closeFd(fd);
      return result;
    },
    pin: (fd, path) => libbpf.pin(fd, path),
    openPin: (path) => libbpf.openPin(path),
    openProcess,
    openThread,
    close: closeFd,
    createXdpLink: (programFd, ifindex, flags) => {
      const opts = Buffer.alloc(64); // struct bpf_link_create_opts: sz, flags, …
      opts.writeBigUInt64LE(BigInt(opts.length), 0);
      opts.writeUInt32LE(flags, 8);
      return libbpf.linkCreate(programFd, ifindex, BPF_XDP, opts);
    },
    overhearLinkFailure: (work) => overhearLinkFailure(libbpf, work),
    updateLink: (fd, programFd, expectedFd) => {
      const BPF_F_REPLACE = 4;
      const opts = Buffer.alloc(16); // struct bpf_link_update_opts: sz, flags, old_prog_fd
      opts.writeBigUInt64LE(BigInt(opts.length), 0);
      if (expectedFd !== undefined) {
        opts.writeUInt32LE(BPF_F_REPLACE, 8);
        opts.writeUInt32LE(expectedFd, 12);
      }
      return libbpf.linkUpdate(fd, programFd, opts);
    },
    ...tcCalls(libbpf),
    enableStats: () => libbpf.enableStats(BPF_STATS_RUN_TIME),
    detachLink: (fd) => libbpf.linkDetach(fd),
    testRun: (fd, request) => runTest((opts) => libbpf.testRun(fd, opts), request),
    testRunInBackground: (fd, request) => runTestInBackground((opts) => libbpf.testRunInBackground(fd, opts), request),
    runLive: (fd, request) => runLive((opts) => libbpf.testRunInBackground(fd, opts), request),
    createMap: ({ type, name, keySize, valueSize, maxEntries, flags }) => {
      const opts = Buffer.alloc(48); // struct bpf_map_create_opts: sz, BTF fd and three ids, inner map, map_flags, …
      opts.writeBigUInt64LE(BigInt(opts.length), 0);
      opts.writeUInt32LE(flags, 28);
      return libbpf.mapCreate(type, name, keySize, valueSize, maxEntries, opts);
    },
    mapLookup: (fd, key, value) => libbpf.mapLookup(fd, key ?? null, value),
    mapUpdate: (fd, key, value, flags) => libbpf.mapUpdate(fd, key ?? null, value, flags),
    mapDelete: (fd, key) => libbpf.mapDelete(fd, key),
    mapNextKey: (fd, key, next) => libbpf.mapNextKey(fd, key ?? null, next),
    mapLookupBatch: (fd, batch) => {
      const count = Buffer.alloc(4);
      count.writeUInt32LE(batch.limit);
      const result = libbpf.mapLookupBatch(fd, batch.from ?? null, batch.to, batch.keys, batch.values, count, null);
      return { result, count: count.readUInt32LE() };
    },
  };
}

function infoCalls(
  libbpf: LibbpfSymbols,
): Pick<Libbpf, 'programInfo' | 'programCode' | 'mapInfo' | 'linkInfo' | 'btfInfo'> {
  const info = (fd: number, bytes: Buffer): number => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(bytes.length);
    return libbpf.infoByFd(fd, bytes, size);
  };
  return {
    mapInfo: (fd) => {
      const bytes = Buffer.alloc(mapInfoBytes);
      const result = info(fd, bytes);
      return result < 0 ? result : decodeMapInfo(bytes);
    },
    linkInfo: (fd) => {
      const bytes = Buffer.alloc(linkInfoBytes);
      const result = info(fd, bytes);
      return result < 0 ? result : decodeLinkInfo(bytes);
    },
    programInfo: (fd) => {
      const bytes = Buffer.alloc(programInfoBytes);
      let result = info(fd, bytes);
      if (result < 0) return result;
      const count = bytes.readUInt32LE(programInfoMapCount);
      const ids = Buffer.alloc(Math.max(4, 4 * count));
      bytes.fill(0);
      bytes.writeUInt32LE(count, programInfoMapCount);
      bytes.writeBigUInt64LE(koffi.address(ids), programInfoMapIds);
      result = info(fd, bytes);
      if (result < 0) return result;
      const got = Math.min(count, bytes.readUInt32LE(programInfoMapCount));
      const mapIds = Array.from({ length: got }, (_, index) => ids.readUInt32LE(4 * index));
      const type = bytes.readUInt32LE(0);
      return decodeProgramInfo(bytes, mapIds, libbpf.programTypeName(type) ?? `unknown(${type})`);
    },
    programCode: (fd) => readProgramCode((bytes) => info(fd, bytes)),
    btfInfo: (fd) => {
      const bytes = Buffer.alloc(32); // struct bpf_btf_info: btf, btf_size, id, …
      const first = info(fd, bytes);
      if (first < 0) return first;
      const btf = Buffer.allocUnsafeSlow(bytes.readUInt32LE(8));
      bytes.fill(0);
      bytes.writeBigUInt64LE(koffi.address(btf), 0);
      bytes.writeUInt32LE(btf.length, 8);
      const second = info(fd, bytes);
      return second < 0 ? second : { id: bytes.readUInt32LE(12), bytes: btf };
    },
  };
}

/**
 * The callback is registered once and stays alive as long as the library. libbpf hands over a va_list, which on x86-64
 * and arm64 arrives as one pointer that vsnprintf takes.
 */
function capturePrint(libbpf: LibbpfSymbols, sink: (level: PrintLevel, text: string) => void): void {
  const format = openLibrary(null).func(
    'int vsnprintf(void *buffer, size_t size, const char *format, void *arguments)',
  );
  const buffer = Buffer.alloc(64 * 1024);
  const type = koffi.pointer(koffi.proto('int', ['int', 'const char *', 'void *']));
  const callback = koffi.register((level: number, text: string, args: bigint) => {
    // Hundreds of lines for each load, about what libbpf does when all is well.
    if (level >= printLevels.length) return 0;
    const length = Number(format(buffer, buffer.length, text, args));
    const line = buffer.toString('utf8', 0, Math.max(0, Math.min(length, buffer.length - 1)));
    sink(printLevels[level] ?? 'info', line.replace(/^libbpf: /, '').trimEnd());
    return 0;
  }, type);
  libbpf.setPrint(callback);
}

const printLevels: readonly PrintLevel[] = ['warn', 'info'];
