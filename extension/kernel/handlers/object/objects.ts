import { XdpError } from '../../../core/errors.ts';
import { mapTypeName } from '../../../core/maps/types.ts';
import type { LoadedObject, MapInfo } from '../../../protocol/kernel.ts';
import type { BpfMapInfo, BpfObject, BpfProgramInfo, Libbpf } from '../../libbpf/port.ts';
import { kernelError } from './failures.ts';

/** A program of a loaded object. The object owns the fd. */
export interface StoredProgram {
  readonly name: string;
  readonly section: string;
  readonly type: string;
  readonly fd: number;
  readonly info: BpfProgramInfo;
}

/** A map of a loaded object. The object owns the fd. */
export interface StoredMap {
  /** The full name in the source; the kernel's has 15 characters. */
  readonly name: string;
  readonly fd: number;
  readonly id: number;
}

export interface StoredObject {
  readonly handle: number;
  readonly name: string;
  readonly programs: readonly StoredProgram[];
  readonly maps: readonly StoredMap[];
  /** Its BTF in the kernel, negative when it has none. The object owns the fd. */
  readonly btfFd: number;
}

export interface RememberedMap {
  count: number;
  keys: Uint8Array;
  values: Uint8Array;
}

/** Or why a map cannot be listened to. */
export type StoredReaders = Map<number, EventReader | { problem: string }>;

export interface EventReader {
  /** What came since the last call, without waiting. `result`: -errno of what went wrong on the way. */
  take(): { result: number; records: { cpu?: number; data: Uint8Array }[]; lost: number };
  close(): void;
}

/** Of how many maps that were let go the names are known: who still asks for one asks soon after. */
const rememberedClosed = 256;

interface Entry {
  stored: StoredObject;
  object: Pick<BpfObject, 'close'>;
  /** Maps that were made for it after loading. */
  addedFds: number[];
  readers: StoredReaders;
  remembered: Map<number, RememberedMap>;
  users: number;
  closing: boolean;
}

/** Loaded objects by the handles that clients hold. Closing frees every fd. */
export class ObjectStore {
  readonly #libbpf: Libbpf;
  readonly #objects = new Map<number, Entry>();
  #lastHandle = 0;
  /** The last maps of objects that were closed: the kernel gives no id twice, and a helper lives as long as its editor. */
  readonly #closed = new Map<number, string>();

  constructor(libbpf: Libbpf) {
    this.#libbpf = libbpf;
  }

  /** Takes ownership of a loaded object. */
  add(name: string, object: BpfObject): StoredObject {
    const programs = object.programs.flatMap((program): StoredProgram[] => {
      const fd = program.autoload() ? program.fd() : -1;
      if (fd < 0) return [];
      const info = this.#libbpf.programInfo(fd);
      if (typeof info === 'number') throw kernelError(`Reading the program information of ${program.name}`, info);
      return [{ name: program.name, section: program.section, type: program.type(), fd, info }];
    });
    const maps = object.maps.flatMap((map): StoredMap[] => {
      const fd = map.fd();
      if (fd < 0) return [];
      const info = this.#libbpf.mapInfo(fd);
      return typeof info === 'number' ? [] : [{ name: sourceMapName(map.name), fd, id: info.id }];
    });
    this.#lastHandle++;
    const stored = { handle: this.#lastHandle, name, programs, maps, btfFd: object.btfFd() };
    return this.#keep(stored, object);
  }

  /** Takes ownership of the fds of a program that is loaded already, and of its maps. */
  addOpened(opened: Omit<StoredObject, 'handle' | 'btfFd'>): StoredObject {
    this.#lastHandle++;
    const fds = [...opened.programs, ...opened.maps].map(({ fd }) => fd);
    const close = (): void => {
      for (const fd of fds) this.#libbpf.close(fd);
    };
    return this.#keep({ ...opened, handle: this.#lastHandle, btfFd: -1 }, { close });
  }

  #keep(stored: StoredObject, object: Entry['object']): StoredObject {
    this.#objects.set(stored.handle, {
      stored,
      object,
      addedFds: [],
      readers: new Map(),
      remembered: new Map(),
      users: 0,
      closing: false,
    });
    return stored;
  }

  /** Takes ownership of a map that was made for an object: it is one of its maps from now on. */
  addMap(handle: number, map: StoredMap): void {
    const entry = this.#entry(handle);
    entry.stored = { ...entry.stored, maps: [...entry.stored.maps, map] };
    entry.addedFds.push(map.fd);
  }

  /** What maps of the object held when they were to be remembered, by map id. */
  remembered(handle: number): Map<number, RememberedMap> {
    return this.#entry(handle).remembered;
  }

  /** Readers of the object's ring buffers and perf event arrays by map id; closed with it. */
  readers(handle: number): StoredReaders {
    return this.#entry(handle).readers;
  }

  get(handle: number): StoredObject {
    return this.#entry(handle).stored;
  }

  program(handle: number, name: string): StoredProgram {
    const { stored } = this.#entry(handle);
    const program = stored.programs.find((candidate) => candidate.name === name);
    if (program === undefined) {
      throw new XdpError('program-not-found', `${stored.name} has no loaded program named ${name}`, {
        fix: `Loaded programs: ${stored.programs.map((candidate) => candidate.name).join(', ') || 'none'}`,
      });
    }
    return program;
  }

  mapById(id: number): StoredMap | undefined {
    for (const map of this.allMaps()) if (map.id === id) return map;
    return undefined;
  }

  /** The name of a map that this helper had loaded and let go. */
  closedMap(id: number): string | undefined {
    return this.#closed.get(id);
  }

  allMaps(): StoredMap[] {
    return [...this.#objects.values()].flatMap(({ stored }) => stored.maps);
  }

  /** BTF fds of the loaded objects, which keep them. */
  allBtfs(): number[] {
    return [...this.#objects.values()].flatMap(({ stored }) => (stored.btfFd < 0 ? [] : [stored.btfFd]));
  }

  allPrograms(): StoredProgram[] {
    return [...this.#objects.values()].flatMap(({ stored }) => stored.programs);
  }

  /** Keeps the object's fds open until `work` has ended, even when it is closed meanwhile. */
  async using<T>(handle: number, work: () => Promise<T>): Promise<T> {
    const release = this.hold(handle);
    try {
      return await work();
    } finally {
      release();
    }
  }

  /** Keeps the object's fds open until the returned function is called. */
  hold(handle: number): () => void {
    const entry = this.#entry(handle);
    entry.users++;
    return () => {
      entry.users--;
      if (entry.closing && entry.users === 0) this.#free(entry);
    };
  }

  close(handle: number): void {
    const entry = this.#entry(handle);
    this.#objects.delete(handle);
    for (const { id, name } of entry.stored.maps) this.#rememberClosed(id, name);
    entry.closing = true;
    if (entry.users === 0) this.#free(entry);
  }

  /** A map keeps its keys in the order of their coming: the first is the oldest. */
  #rememberClosed(id: number, name: string): void {
    this.#closed.set(id, name);
    if (this.#closed.size <= rememberedClosed) return;
    for (const oldest of this.#closed.keys()) {
      this.#closed.delete(oldest);
      return;
    }
  }

  closeAll(): void {
    for (const handle of this.#objects.keys()) this.close(handle);
  }

  #free({ object, readers, addedFds }: Entry): void {
    for (const reader of readers.values()) if ('close' in reader) reader.close();
    for (const fd of addedFds) this.#libbpf.close(fd);
    object.close();
  }

  #entry(handle: number): Entry {
    const entry = this.#objects.get(handle);
    if (entry === undefined) {
      throw new XdpError('usage', `There is no loaded object with handle ${handle}`, { fix: 'Load the object first.' });
    }
    return entry;
  }
}

/** `wish` says what only an XDP program can do, after "which". */
export function requireXdp({ name, type }: StoredProgram, wish: string): void {
  if (type === 'xdp') return;
  throw new XdpError('usage', `${name} is a program of type ${type}, which ${wish}`, {
    fix: 'Choose a program in SEC("xdp").',
  });
}

/** libbpf names a global data section's map `object.bss`; in the source it is `.bss`. */
export function sourceMapName(name: string): string {
  const dot = name.indexOf('.');
  return dot > 0 ? name.slice(dot) : name;
}

/** `fd`: the same map, for what the info structure does not tell. */
export function toMapInfo(libbpf: Libbpf, fd: number, info: BpfMapInfo, name = info.name): MapInfo {
  const { frozen, memoryBytes } = libbpf.mapFacts(fd);
  return {
    id: info.id,
    name,
    type: mapTypeName(info.type),
    keySize: info.keySize,
    valueSize: info.valueSize,
    maxEntries: info.maxEntries,
    flags: info.flags,
    frozen,
    btfId: info.btfId,
    btfKeyTypeId: info.btfKeyTypeId,
    btfValueTypeId: info.btfValueTypeId,
    ...(info.vmlinuxValueTypeId === 0 ? {} : { vmlinuxValueTypeId: info.vmlinuxValueTypeId }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  };
}

/** The reply to object/load. */
export function describeObject(libbpf: Libbpf, stored: StoredObject, left: LoadedObject['left']): LoadedObject {
  return {
    object: stored.handle,
    programs: stored.programs.map(({ name, section, type, info }) => ({
      name,
      section,
      type,
      id: info.id,
      mapIds: info.mapIds,
    })),
    left,
    maps: stored.maps.flatMap((map) => {
      const info = libbpf.mapInfo(map.fd);
      return typeof info === 'number' ? [] : [toMapInfo(libbpf, map.fd, info, map.name)];
    }),
  };
}
