import type { RawPage } from '../../maps/entries.ts';
import { errno } from '../errno.ts';
import { ArrayMap } from './arrayMap.ts';
import { HashMap } from './hashMap.ts';
import { type MapDefinition, mapFlag, type MapSettings, pageOf, updateFlag, VmMap } from './map.ts';

/**
 * Maps whose entries refer to something outside: prog_array, array_of_maps, devmap, cpumap, xskmap, perf_event_array. An
 * array in which entries may be missing. Programs cannot change them.
 */
export class ReferenceArray extends VmMap {
  /** What is there, by index: the value's bytes. */
  private readonly present = new Map<number, Uint8Array>();
  private readonly values: ArrayMap;

  constructor(definition: MapDefinition, settings: MapSettings) {
    super(definition, settings);
    this.values = new ArrayMap({ ...definition, flags: mapFlag.readOnlyProgram }, settings);
  }

  /** First 32 bits of the value at an index: a map's number, an interface, a CPU's queue size, a program. */
  reference(index: number): number | undefined {
    const value = this.present.get(index);
    return value === undefined ? undefined : new DataView(value.buffer, value.byteOffset).getUint32(0, true);
  }

  override lookup(key: number, cpu: number): number {
    return this.present.has(this.memory.view.getUint32(key, true)) ? this.values.lookup(key, cpu) : 0;
  }

  override update(): number {
    return errno.notSupported;
  }

  override entries(): Iterable<number> {
    return [...this.present.keys()];
  }

  override has(index: number): boolean {
    return this.present.has(index);
  }

  override read(): RawPage {
    const keys = [...this.present.keys()].sort((a, b) => a - b);
    const bytes = keys.map((key) => new Uint8Array(Uint32Array.of(key).buffer));
    const values = keys.map((key) => this.present.get(key) ?? new Uint8Array(this.definition.valueSize));
    return pageOf(keys.length, bytes, values);
  }

  override set(key: Uint8Array, value: Uint8Array, flags = 0): number {
    const index = new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0, true);
    if (flags > updateFlag.exist) return errno.invalid;
    if (index >= this.definition.maxEntries) return errno.tooBig;
    if (flags === updateFlag.noExist) return errno.exists;
    // No interface, or a queue without length, is no entry: kernel/bpf/devmap.c, __dev_map_update_elem(), cpumap.c.
    const { type } = this.definition;
    if ((type === 'devmap' || type === 'cpumap') && isZero(value.subarray(0, 4))) {
      if (!isZero(value.subarray(4))) return errno.invalid;
      this.present.delete(index);
      return 0;
    }
    this.values.set(key, value);
    this.present.set(index, new Uint8Array(value));
    return 0;
  }

  override remove(key: Uint8Array): number {
    const index = new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0, true);
    return this.present.delete(index) ? 0 : errno.noEntry;
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** devmap_hash and hash_of_maps: the same by key. */
export class ReferenceHash extends HashMap {
  constructor(definition: MapDefinition, settings: MapSettings) {
    super({ ...definition, flags: definition.flags | mapFlag.readOnlyProgram }, settings);
  }

  /** First 32 bits of the value for the key at this address. */
  reference(key: number): number | undefined {
    const region = super.lookup(key, 0);
    return region === 0 ? undefined : this.memory.view.getUint32(this.memory.starts[region]!, true);
  }

  /** An interface has to be named: kernel/bpf/devmap.c, __dev_map_hash_update_elem(). */
  override set(key: Uint8Array, value: Uint8Array, flags = 0): number {
    if (this.definition.type === 'devmap_hash' && isZero(value.subarray(0, 4))) return errno.invalid;
    return super.set(key, value, flags);
  }

  /** The same for a key of 32 bits. */
  referenceOf(key: number): number | undefined {
    this.memory.view.setUint32(this.scratch, key, true);
    return this.reference(this.scratch);
  }
}

/** queue and stack: kernel/bpf/queue_stack_maps.c. No keys. */
export class QueueMap extends VmMap {
  private items: Uint8Array[] = [];

  override push(value: number, flags: number): number {
    return this.add(this.memory.bytes.slice(value, value + this.definition.valueSize), flags);
  }

  override peek(value: number): number {
    const item = this.definition.type === 'stack' ? this.items.at(-1) : this.items[0];
    if (item === undefined) {
      this.memory.bytes.fill(0, value, value + this.definition.valueSize);
      return errno.noEntry;
    }
    this.memory.bytes.set(item, value);
    return 0;
  }

  override pop(value: number): number {
    const result = this.peek(value);
    if (result === 0) this.items = this.definition.type === 'stack' ? this.items.slice(0, -1) : this.items.slice(1);
    return result;
  }

  /** Map helpers of the other types: the kernel refuses all but push. */
  override update(_key: number, value: number, flags: number): number {
    return this.push(value, flags);
  }

  /** Values in the order in which pop gives them. */
  contents(): readonly Uint8Array[] {
    return this.definition.type === 'stack' ? [...this.items].reverse() : this.items;
  }

  override set(_key: Uint8Array, value: Uint8Array, flags = 0): number {
    return this.add(new Uint8Array(value), flags);
  }

  private add(item: Uint8Array, flags: number): number {
    if (flags === updateFlag.noExist || flags > updateFlag.exist || flags < 0) return errno.invalid;
    if (this.items.length >= this.definition.maxEntries) {
      if (flags !== updateFlag.exist) return errno.tooBig;
      this.items.shift();
    }
    this.items.push(item);
    return 0;
  }
}

/** bloom_filter: kernel/bpf/bloom_filter.c. Exact here: it never answers yes by accident, which the kernel's may. */
export class BloomMap extends VmMap {
  private readonly values = new Set<string>();

  override push(value: number, flags: number): number {
    if (flags !== updateFlag.any) return errno.invalid;
    this.values.add(this.text(value));
    return 0;
  }

  override peek(value: number): number {
    return this.values.has(this.text(value)) ? 0 : errno.noEntry;
  }

  override set(_key: Uint8Array, value: Uint8Array): number {
    this.values.add(String.fromCharCode(...value));
    return 0;
  }

  private text(address: number): string {
    return String.fromCharCode(...this.memory.bytes.subarray(address, address + this.definition.valueSize));
  }
}
