import koffi from 'koffi';
import type { BpfMap, BpfObject, BpfProgram } from '../libbpf/port.ts';
import type { Pointer } from './library.ts';
import { nativeCopy } from './memory.ts';
import type { LibbpfSymbols } from './symbols.ts';

const BPF_PROG_TYPE_SCHED_CLS = 3;
const BPF_PROG_TYPE_XDP = 6;
const BPF_XDP = 37; // enum bpf_attach_type

/** Opens ELF bytes. Returns -errno (or -4000…, libbpf's own codes) on failure. */
export function openObject(libbpf: LibbpfSymbols, elf: Uint8Array, name: string): BpfObject | number {
  const objectName = nativeCopy(Buffer.from(`${name}\0`));
  const opts = Buffer.alloc(72); // struct bpf_object_open_opts: sz, object_name, …
  opts.writeBigUInt64LE(BigInt(opts.length), 0);
  opts.writeBigUInt64LE(objectName, 8);
  const pointer = libbpf.objectOpenMem(elf, elf.length, opts);
  const failure = -koffi.errno();
  koffi.free(objectName);
  if (pointer === null) return failure < 0 ? failure : -22;

  const buffers: Pointer[] = [];
  const programs: BpfProgram[] = [];
  const maps: BpfMap[] = [];
  for (let at = libbpf.objectNextProgram(pointer, null); at !== null; at = libbpf.objectNextProgram(pointer, at)) {
    programs.push(wrapProgram(libbpf, at, buffers));
  }
  for (let at = libbpf.objectNextMap(pointer, null); at !== null; at = libbpf.objectNextMap(pointer, at)) {
    maps.push(wrapMap(libbpf, at));
    libbpf.mapSetPinPath(at, null);
  }
  let closed = false;
  return {
    programs,
    maps,
    btfFd: () => libbpf.objectBtfFd(pointer),
    load: () => libbpf.objectLoad(pointer),
    close: () => {
      if (closed) return;
      closed = true;
      libbpf.objectClose(pointer);
      for (const buffer of buffers) koffi.free(buffer);
    },
  };
}

function wrapProgram(libbpf: LibbpfSymbols, pointer: Pointer, buffers: Pointer[]): BpfProgram {
  let log: Pointer | undefined;
  return {
    name: libbpf.programName(pointer),
    section: libbpf.programSection(pointer),
    type: () => libbpf.programTypeName(libbpf.programType(pointer)) ?? `unknown(${libbpf.programType(pointer)})`,
    autoload: () => libbpf.programAutoload(pointer),
    setAutoload: (load) => {
      libbpf.programSetAutoload(pointer, load);
    },
    setType: (type) => {
      libbpf.programSetType(pointer, type === 'xdp' ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS);
      libbpf.programSetAttachType(pointer, type === 'xdp' ? BPF_XDP : 0);
    },
    setLog: (bytes, level) => {
      // Native memory: a Buffer could move or be collected while libbpf still holds the pointer.
      log = koffi.alloc('uint8_t', bytes) as Pointer;
      buffers.push(log);
      koffi.encode(log, 'uint8_t', 0);
      libbpf.programSetLogBuf(pointer, log, bytes);
      libbpf.programSetLogLevel(pointer, level);
    },
    log: () => (log === undefined ? '' : koffi.decode.string(log)),
    fd: () => libbpf.programFd(pointer),
  };
}

function wrapMap(libbpf: LibbpfSymbols, pointer: Pointer): BpfMap {
  return {
    name: libbpf.mapName(pointer),
    type: libbpf.mapType(pointer),
    keySize: libbpf.mapKeySize(pointer),
    valueSize: libbpf.mapValueSize(pointer),
    pinPath: libbpf.mapPinPath(pointer) ?? undefined,
    fd: () => libbpf.mapFd(pointer),
    reuse: (fd) => libbpf.mapReuseFd(pointer, fd),
  };
}
