import type { RawPage } from '../../maps/entries.ts';
import { isPerCpu, roundUp8 } from '../../maps/types.ts';
import { errno } from '../errno.ts';
import type { Memory } from '../memory/memory.ts';
import { right } from '../memory/regions.ts';

/** BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK of include/uapi/linux/bpf.h. */
export const updateFlag = { any: 0, noExist: 1, exist: 2, lock: 4 } as const;
/** Flags of the map itself: BPF_F_* of include/uapi/linux/bpf.h. */
export const mapFlag = {
  noPrealloc: 0x1,
  noCommonLru: 0x2,
  numaNode: 0x4,
  readOnlyUser: 0x8,
  writeOnlyUser: 0x10,
  zeroSeed: 0x40,
  readOnlyProgram: 0x80,
  writeOnlyProgram: 0x100,
  memoryMapped: 0x400,
  preserveElements: 0x800,
  innerMap: 0x1000,
} as const;

/** What a map is made from. Sizes in bytes. */
export interface MapDefinition {
  name: string;
  /** libbpf's short name. */
  type: string;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  /** Byte ranges of the value that updates leave alone: spin locks and timers. */
  kept?: readonly { offset: number; size: number }[];
  /** Is one of these a spin lock? Only then BPF_F_LOCK may be given. */
  locked?: boolean;
}

/** What every map gets from the machine. */
export interface MapSettings {
  memory: Memory;
  /** Number of the map in its machine. */
  number: number;
  /** How many possible CPUs there are. */
  cpuCount: number;
}

/**
 * A map. Programs see it through addresses of keys and values in the machine's memory; results are 0 or a negative errno,
 * as the kernel's. Users see it through copies of bytes. What a type does not have fails as in the kernel.
 */
export abstract class VmMap {
  readonly definition: MapDefinition;
  readonly number: number;
  protected readonly memory: Memory;
  protected readonly cpuCount: number;
  /** Slots of a value: one a CPU for per-CPU maps. */
  readonly copies: number;
  /** Is told when an entry goes, or gets a new value: what hangs on its value goes with it. */
  onReplaced: ((entry: number) => void) | undefined;

  constructor(definition: MapDefinition, settings: MapSettings) {
    this.definition = definition;
    this.number = settings.number;
    this.memory = settings.memory;
    this.cpuCount = settings.cpuCount;
    this.copies = isPerCpu(definition.type) ? settings.cpuCount : 1;
  }

  /** Rights of programs to a value. */
  get valueRights(): number {
    const { flags } = this.definition;
    return (
      right.both &
      ~((flags & mapFlag.readOnlyProgram) !== 0 ? right.write : 0) &
      ~((flags & mapFlag.writeOnlyProgram) !== 0 ? right.read : 0)
    );
  }

  /** Bytes of an entry's value as users see it: every CPU's slot, rounded up to 8. */
  get userValueSize(): number {
    const { valueSize } = this.definition;
    return this.copies === 1 && !isPerCpu(this.definition.type) ? valueSize : roundUp8(valueSize) * this.copies;
  }

  /** Region of the value for the key at this address, 0 when there is none. */
  lookup(_key: number, _cpu: number): number {
    return 0;
  }

  update(_key: number, _value: number, _flags: number, _cpu: number): number {
    return errno.invalid;
  }

  delete(_key: number): number {
    return errno.invalid;
  }

  push(_value: number, _flags: number): number {
    return errno.notSupported;
  }

  pop(_value: number): number {
    return errno.notSupported;
  }

  peek(_value: number): number {
    return errno.notSupported;
  }

  /** Numbers of the entries that are there, in the order in which for_each visits them. */
  entries(): Iterable<number> {
    return [];
  }

  /** Region of an entry's key, for callbacks. */
  keyRegion(_entry: number): number {
    return 0;
  }

  valueRegion(_entry: number, _cpu: number): number {
    return 0;
  }

  /** The entry is still there: callbacks may delete what they visit. */
  has(_entry: number): boolean {
    return false;
  }

  /** Everything in the map, with the same bytes as a read through the kernel gives. */
  read(): RawPage {
    return { count: 0, keys: new Uint8Array(0), values: new Uint8Array(0) };
  }

  /** An update from user space: `value` has userValueSize bytes. 0 or a negative errno. */
  set(_key: Uint8Array, _value: Uint8Array, _flags = 0): number {
    return errno.notSupported;
  }

  /** A deletion from user space. */
  remove(_key: Uint8Array): number {
    return errno.notSupported;
  }

  /** Copies a value, but for the ranges that updates leave alone. */
  protected copyValue(to: number, from: number): void {
    const { bytes } = this.memory;
    const { valueSize, kept } = this.definition;
    if (kept === undefined || kept.length === 0) {
      bytes.copyWithin(to, from, from + valueSize);
      return;
    }
    let at = 0;
    for (const { offset, size } of kept) {
      bytes.copyWithin(to + at, from + at, from + offset);
      at = offset + size;
    }
    bytes.copyWithin(to + at, from + at, from + valueSize);
  }
}

export function pageOf(count: number, keys: readonly Uint8Array[], values: readonly Uint8Array[]): RawPage {
  return { count, keys: concat(keys), values: concat(values) };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
