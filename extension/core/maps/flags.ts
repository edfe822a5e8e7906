/** Flags of a map by name. Source: the BPF_F_* of BPF_MAP_CREATE in include/uapi/linux/bpf.h. */
const names: readonly (readonly [bit: number, name: string])[] = [
  [0, 'BPF_F_NO_PREALLOC'],
  [1, 'BPF_F_NO_COMMON_LRU'],
  [2, 'BPF_F_NUMA_NODE'],
  [3, 'BPF_F_RDONLY'],
  [4, 'BPF_F_WRONLY'],
  [5, 'BPF_F_STACK_BUILD_ID'],
  [6, 'BPF_F_ZERO_SEED'],
  [7, 'BPF_F_RDONLY_PROG'],
  [8, 'BPF_F_WRONLY_PROG'],
  [9, 'BPF_F_CLONE'],
  [10, 'BPF_F_MMAPABLE'],
  [11, 'BPF_F_PRESERVE_ELEMS'],
  [12, 'BPF_F_INNER_MAP'],
  [13, 'BPF_F_LINK'],
  [14, 'BPF_F_PATH_FD'],
  [15, 'BPF_F_VTYPE_BTF_OBJ_FD'],
  [16, 'BPF_F_TOKEN_FD'],
  [17, 'BPF_F_SEGV_ON_FAULT'],
  [18, 'BPF_F_NO_USER_CONV'],
];

/** Bits that we do not know keep their number: `1 << 30`. */
export function mapFlagNames(flags: number): string[] {
  const known = new Map(names);
  return Array.from({ length: 32 }, (_, bit) => bit)
    .filter((bit) => ((flags >>> bit) & 1) === 1)
    .map((bit) => known.get(bit) ?? `1 << ${bit}`);
}
