/** Map types and their traits. Source: enum bpf_map_type in include/uapi/linux/bpf.h; names are libbpf's short ones. */

/** Index = value of `enum bpf_map_type`. */
export const mapTypeNames = [
  'unspec',
  'hash',
  'array',
  'prog_array',
  'perf_event_array',
  'percpu_hash',
  'percpu_array',
  'stack_trace',
  'cgroup_array',
  'lru_hash',
  'lru_percpu_hash',
  'lpm_trie',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'sockmap',
  'cpumap',
  'xskmap',
  'sockhash',
  'cgroup_storage',
  'reuseport_sockarray',
  'percpu_cgroup_storage',
  'queue',
  'stack',
  'sk_storage',
  'devmap_hash',
  'struct_ops',
  'ringbuf',
  'inode_storage',
  'task_storage',
  'bloom_filter',
  'user_ringbuf',
  'cgrp_storage',
  'arena',
  'insn_array',
] as const;

export function mapTypeName(type: number): string {
  return mapTypeNames[type] ?? `unknown(${type})`;
}

export function mapTypeNumber(name: string): number | undefined {
  const index = (mapTypeNames as readonly string[]).indexOf(name);
  return index < 0 ? undefined : index;
}

/** Those that have every index from the start: array and percpu_array. */
export function isArray(typeName: string): boolean {
  return typeName === 'array' || typeName === 'percpu_array';
}

export function isPerCpu(typeName: string): boolean {
  return (
    typeName === 'percpu_hash' ||
    typeName === 'percpu_array' ||
    typeName === 'lru_percpu_hash' ||
    typeName === 'percpu_cgroup_storage'
  );
}

/**
 * Bytes of one entry's value as the kernel copies it out: per-CPU maps give every possible CPU a slot rounded up to 8
 * bytes (kernel/bpf/syscall.c, bpf_map_value_size()).
 */
export function valueBytes(typeName: string, valueSize: number, possibleCpus: number): number {
  return isPerCpu(typeName) ? roundUp8(valueSize) * possibleCpus : valueSize;
}

export function roundUp8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
