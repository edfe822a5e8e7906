/** What the numbers in some maps' values stand for. */
export interface Reference {
  kind: 'program' | 'map' | 'interface';
  /** Bytes from the start of the value to the u32. */
  offset: number;
  /** 0 means none: a devmap's entry may have a program and need not. */
  optional: boolean;
}

/**
 * References in a value of this map type, as the kernel gives it to user space: ids of programs and maps (it takes file
 * descriptors in their place), interface indexes. Source: include/uapi/linux/bpf.h, struct bpf_devmap_val and bpf_cpumap_val;
 * map_fd_sys_lookup_elem of each type.
 */
export function referencesOf(type: string, valueSize: number): Reference[] {
  switch (type) {
    case 'prog_array':
      return [{ kind: 'program', offset: 0, optional: false }];
    case 'array_of_maps':
    case 'hash_of_maps':
      return [{ kind: 'map', offset: 0, optional: false }];
    case 'devmap':
    case 'devmap_hash': {
      const device: Reference = { kind: 'interface', offset: 0, optional: false };
      return valueSize < 8 ? [device] : [device, { kind: 'program', offset: 4, optional: true }];
    }
    case 'cpumap':
      return valueSize < 8 ? [] : [{ kind: 'program', offset: 4, optional: true }];
    default:
      return [];
  }
}

/** The ids that one value holds. */
export function referencesIn(
  references: readonly Reference[],
  value: Uint8Array,
): { kind: Reference['kind']; id: number }[] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return references.flatMap(({ kind, offset, optional }) => {
    const id = offset + 4 <= value.length ? view.getUint32(offset, true) : 0;
    return id === 0 && optional ? [] : [{ kind, id }];
  });
}

/** Names by id, as the helper's `names/resolve` gives them. */
export interface Names {
  program: ReadonlyMap<number, string>;
  map: ReadonlyMap<number, string>;
  interface: ReadonlyMap<number, string>;
}

export const noNames: Names = { program: new Map(), map: new Map(), interface: new Map() };

export function namesOf(found: {
  programs: readonly { id: number; name: string }[];
  maps: readonly { id: number; name: string }[];
  interfaces: readonly { ifindex: number; name: string }[];
}): Names {
  return {
    program: new Map(found.programs.map(({ id, name }) => [id, name])),
    map: new Map(found.maps.map(({ id, name }) => [id, name])),
    interface: new Map(found.interfaces.map(({ ifindex, name }) => [ifindex, name])),
  };
}

/** What one value refers to; without a name where it is not known (gone, or not to be seen without CAP_SYS_ADMIN). */
export interface Referred {
  kind: Reference['kind'];
  id: number;
  name?: string;
}

export function referredBy(type: string, valueSize: number, value: Uint8Array, names: Names): Referred[] {
  return referencesIn(referencesOf(type, valueSize), value).map(({ kind, id }) => {
    const name = names[kind].get(id);
    return name === undefined ? { kind, id } : { kind, id, name };
  });
}
