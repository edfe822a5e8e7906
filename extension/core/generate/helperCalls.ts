import type { Machine } from '../vm/machine.ts';
import type { VmMap } from '../vm/maps/map.ts';
import { tag } from '../vm/memory/regions.ts';
import type { EntryPlace } from './input.ts';
import { type Expression, leaf } from './provenance.ts';
import type { Shadow } from './shadow.ts';

/** A helper or kernel function that was called. */
export interface CallObservation {
  name: string;
  program: number;
  slot: number;
  /** r0, 64 bits, unsigned; undefined where it did not come back. */
  result: bigint | undefined;
  /** Set where it asked a map for an entry, or for where to go. */
  lookup: Lookup | undefined;
}

export interface Lookup {
  place: EntryPlace;
  /** libbpf's short name. */
  type: string;
  hit: boolean;
}

/** Helpers that write into memory of the program: which argument points there, and how much; a name: the argument that says. */
const writers: Readonly<Record<string, { to: number; bytes: number | { argument: number } }>> = {
  bpf_fib_lookup: { to: 2, bytes: { argument: 3 } },
  bpf_check_mtu: { to: 3, bytes: 4 },
  bpf_dynptr_read: { to: 1, bytes: { argument: 2 } },
  bpf_probe_read_kernel: { to: 1, bytes: { argument: 2 } },
  bpf_xdp_metadata_rx_timestamp: { to: 2, bytes: 8 },
  bpf_xdp_metadata_rx_hash: { to: 2, bytes: 4 },
  bpf_xdp_metadata_rx_vlan_tag: { to: 3, bytes: 2 },
};

/** A copy larger than this is not followed. Bytes. */
const maxFollowed = 4096;

/** What helpers do to where values come from, and what they were asked. */
export class HelperCalls {
  readonly observed: CallObservation[] = [];
  private readonly machine: Machine;
  private readonly shadow: Shadow;
  /** Maps that were found in maps of maps, by their number. */
  private readonly inner = new Map<number, { map: string; key: Uint8Array }>();

  constructor(machine: Machine, shadow: Shadow) {
    this.machine = machine;
    this.shadow = shadow;
  }

  /** Before the call; what is returned is called after it, and gives where r0 comes from. */
  begin(
    name: string,
    place: { program: number; slot: number },
  ): (end: 'returned' | 'jumped') => Expression | undefined {
    const asked = this.asked(name);
    const copy = this.copies(name);
    return (end) => {
      const { lo, hi } = this.machine.cpu;
      const result = end === 'jumped' ? undefined : (BigInt(hi[0]! >>> 0) << 32n) | BigInt(lo[0]! >>> 0);
      copy?.();
      const lookup = asked === undefined ? undefined : { ...asked, hit: this.isHit(name, result) };
      if (lookup?.hit === true && name.startsWith('bpf_map_lookup')) this.found(lookup.place);
      if (this.observed.length < maxObserved) this.observed.push({ name, ...place, result, lookup });
      if (name.startsWith('__xdp_mem') || name.startsWith('bpf_map_lookup')) return undefined;
      return leaf({ kind: 'helper', name }, 0, 8);
    };
  }

  private isHit(name: string, result: bigint | undefined): boolean {
    switch (name) {
      case 'bpf_tail_call':
        return result === undefined;
      case 'bpf_redirect_map':
        return result === 4n;
      case 'bpf_map_delete_elem':
        return result === 0n;
      default:
        return result !== 0n;
    }
  }

  private asked(name: string): Omit<Lookup, 'hit'> | undefined {
    const { lo } = this.machine.cpu;
    switch (name) {
      case 'bpf_map_lookup_elem':
      case 'bpf_map_lookup_percpu_elem':
      case 'bpf_map_delete_elem': {
        const map = this.mapIn(1);
        return map === undefined ? undefined : this.lookup(map, this.bytesAt(2, map.definition.keySize));
      }
      case 'bpf_redirect_map':
      case 'bpf_tail_call': {
        const [mapAt, keyAt] = name === 'bpf_tail_call' ? [2, 3] : [1, 2];
        const map = this.mapIn(mapAt);
        return map === undefined ? undefined : this.lookup(map, new Uint8Array(Uint32Array.of(lo[keyAt]!).buffer));
      }
      default:
        return undefined;
    }
  }

  private lookup(map: VmMap, key: Uint8Array): Omit<Lookup, 'hit'> {
    const { name, type } = map.definition;
    const within = this.inner.get(map.number);
    return { type, place: within === undefined ? { map: name, key } : { map: name, key, within } };
  }

  private mapIn(register: number): VmMap | undefined {
    const { lo, hi } = this.machine.cpu;
    return hi[register] === tag.map ? this.machine.world.maps[lo[register]!] : undefined;
  }

  private bytesAt(register: number, size: number): Uint8Array {
    const at = this.machine.cpu.lo[register]!;
    return this.machine.memory.bytes.slice(at, at + size);
  }

  /** The entry that a lookup found: a value, or a map. */
  private found(place: EntryPlace): void {
    const { lo, hi } = this.machine.cpu;
    if (hi[0] === tag.map) this.inner.set(lo[0]!, { map: place.map, key: place.key });
    else this.shadow.addValue(hi[0]!, place);
  }

  /** What a helper writes into memory, to be noted after it ran. */
  private copies(name: string): (() => void) | undefined {
    const { lo, hi } = this.machine.cpu;
    const at = (register: number): { region: number; address: number } => ({
      region: hi[register]!,
      address: lo[register]!,
    });
    const size = (register: number): number => Math.min(maxFollowed, lo[register]! >>> 0);
    const { shadow } = this;
    switch (name) {
      case '__xdp_memcpy':
      case '__xdp_memmove': {
        const [to, from, bytes] = [at(1), at(2), size(3)];
        return () => shadow.copy(from, to, bytes);
      }
      case '__xdp_memset': {
        const [to, bytes] = [at(1), size(3)];
        return () => shadow.store(to.region, to.address, bytes, undefined);
      }
      case 'bpf_xdp_load_bytes': {
        const [offset, to, bytes] = [lo[2]! >>> 0, at(3), size(4)];
        return () => shadow.loadPacket(offset, to, bytes);
      }
    }
    const writer = writers[name];
    if (writer === undefined) return undefined;
    const to = at(writer.to);
    const bytes = typeof writer.bytes === 'number' ? writer.bytes : size(writer.bytes.argument);
    return () => {
      for (let index = 0; index < bytes; index++) {
        shadow.store(to.region, to.address + index, 1, leaf({ kind: 'helper', name }, index, 1));
      }
    };
  }
}

const maxObserved = 1000;
