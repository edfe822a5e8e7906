import { XdpError } from '../../errors.ts';
import { type MapDefinition, mapFlag } from './map.ts';

/** Sizes in bytes that a key or value may have. */
interface Sizes {
  words: string;
  allow(bytes: number): boolean;
}

interface Rule {
  key: Sizes;
  value: Sizes;
  /** All that it may have. */
  flags: number;
  /** What it must have. */
  needs?: number;
}

const sizes = (...allowed: number[]): Sizes => ({
  words: allowed.join(' or '),
  allow: (bytes) => allowed.includes(bytes),
});
const between = (least: number, most: number): Sizes => ({
  words: `${least} to ${most}`,
  allow: (bytes) => bytes >= least && bytes <= most,
});
const some: Sizes = { words: 'at least 1', allow: (bytes) => bytes > 0 };
const none = sizes(0);
/** PCPU_MIN_UNIT_SIZE of include/linux/percpu.h. */
const perCpu = between(1, 32768);

const { noPrealloc, noCommonLru, numaNode, zeroSeed, preserveElements, memoryMapped, innerMap } = mapFlag;
const userAccess = mapFlag.readOnlyUser | mapFlag.writeOnlyUser;
const access = userAccess | mapFlag.readOnlyProgram | mapFlag.writeOnlyProgram;

const references: Rule = { key: sizes(4), value: sizes(4), flags: numaNode | userAccess };
const devices: Rule = { key: sizes(4), value: sizes(4, 8), flags: numaNode | userAccess };
const queue: Rule = { key: none, value: some, flags: numaNode | access };

/** The …_alloc_check() of each type in kernel/bpf and net/xdp/xskmap.c, of Linux 6.18. */
const rules: Readonly<Record<string, Rule>> = {
  array: { key: sizes(4), value: some, flags: numaNode | access | memoryMapped | innerMap },
  percpu_array: { key: sizes(4), value: perCpu, flags: access },
  prog_array: references,
  array_of_maps: references,
  perf_event_array: { ...references, flags: references.flags | preserveElements },
  hash: { key: some, value: some, flags: noPrealloc | numaNode | access | zeroSeed },
  percpu_hash: { key: some, value: perCpu, flags: noPrealloc | access | zeroSeed },
  lru_hash: { key: some, value: some, flags: noCommonLru | numaNode | access | zeroSeed },
  lru_percpu_hash: { key: some, value: perCpu, flags: noCommonLru | access | zeroSeed },
  hash_of_maps: { key: some, value: sizes(4), flags: noPrealloc | numaNode | access | zeroSeed },
  lpm_trie: { key: between(5, 260), value: some, flags: noPrealloc | numaNode | access, needs: noPrealloc },
  devmap: devices,
  devmap_hash: devices,
  cpumap: { ...devices, flags: numaNode },
  xskmap: { ...devices, value: sizes(4) },
  queue,
  stack: queue,
  bloom_filter: { ...queue, flags: queue.flags | zeroSeed },
  ringbuf: { key: none, value: none, flags: numaNode },
};

/** Nobody could read or write it: bpf_map_flags_access_ok(), bpf_get_file_flag(). A list of a CPU's own is where that CPU is. */
const together: readonly number[] = [
  mapFlag.readOnlyProgram | mapFlag.writeOnlyProgram,
  userAccess,
  noCommonLru | numaNode,
];

/** Throws `load-failed` for what the kernel refuses when the map is made. Types that the machine does not have are not looked at. */
export function checkDefinition(definition: MapDefinition): void {
  const { name, type } = definition;
  const rule = rules[type];
  const why = rule === undefined ? undefined : whyNot(definition, rule);
  if (why === undefined) return;
  throw new XdpError('load-failed', `The map ${name} (${type}) cannot be made: ${why}.`, {
    fix: 'Correct its definition; the kernel refuses it too.',
    details: { map: name },
  });
}

function whyNot({ type, keySize, valueSize, maxEntries, flags }: MapDefinition, rule: Rule): string | undefined {
  if (maxEntries === 0) return 'max_entries is 0';
  if (!rule.key.allow(keySize)) return wrongSize('keys', keySize, rule.key);
  if (!rule.value.allow(valueSize)) return wrongSize('values', valueSize, rule.value);
  if (type === 'ringbuf' && ((maxEntries & (maxEntries - 1)) !== 0 || maxEntries % 4096 !== 0)) {
    return `its size of ${maxEntries} bytes is no power of two and multiple of the page size`;
  }
  const { needs = 0 } = rule;
  if ((flags & needs) !== needs) return `it needs the flags ${namesOf(needs)}`;
  const strange = flags & ~rule.flags;
  if (strange !== 0) return `it may not have the flags ${namesOf(strange)}`;
  const both = together.find((pair) => (flags & pair) === pair);
  return both === undefined ? undefined : `it may not have both ${namesOf(both)}`;
}

function wrongSize(what: 'keys' | 'values', bytes: number, { words }: Sizes): string {
  if (bytes === 0) return `its ${what} have no size`;
  return words === '0' ? `it takes no ${what}` : `its ${what} have ${bytes} bytes, not ${words}`;
}

/** BPF_F_* of include/uapi/linux/bpf.h. */
const flagNames: Readonly<Record<number, string>> = {
  [noPrealloc]: 'BPF_F_NO_PREALLOC',
  [noCommonLru]: 'BPF_F_NO_COMMON_LRU',
  [numaNode]: 'BPF_F_NUMA_NODE',
  [mapFlag.readOnlyUser]: 'BPF_F_RDONLY',
  [mapFlag.writeOnlyUser]: 'BPF_F_WRONLY',
  [zeroSeed]: 'BPF_F_ZERO_SEED',
  [mapFlag.readOnlyProgram]: 'BPF_F_RDONLY_PROG',
  [mapFlag.writeOnlyProgram]: 'BPF_F_WRONLY_PROG',
  [memoryMapped]: 'BPF_F_MMAPABLE',
  [preserveElements]: 'BPF_F_PRESERVE_ELEMS',
  [innerMap]: 'BPF_F_INNER_MAP',
};

function namesOf(flags: number): string {
  const names: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    const flag = (1 << bit) >>> 0;
    if ((flags & flag) !== 0) names.push(flagNames[flag] ?? `0x${flag.toString(16)}`);
  }
  return names.join(' and ');
}
