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

/** Loaded objects by the handles that clients hold. Closing frees every fd. */
export class ObjectStore {
  readonly #libbpf: Libbpf;
  readonly #objects = new Map<number, { stored: StoredObject; object: BpfObject; users: number; closing: boolean }>();
  #lastHandle = 0;

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
    this.#objects.set(stored.handle, { stored, object, users: 0, closing: false });
    return stored;
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
      if (entry.closing && entry.users === 0) entry.object.close();
    };
  }

  close(handle: number): void {
    const entry = this.#entry(handle);
    this.#objects.delete(handle);
    entry.closing = true;
    if (entry.users === 0) entry.object.close();
  }

  closeAll(): void {
    for (const handle of this.#objects.keys()) this.close(handle);
  }

  #entry(handle: number) {
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
