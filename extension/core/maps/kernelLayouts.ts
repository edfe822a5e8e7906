import type { Layout } from './layout.ts';

const u32: Layout = { kind: 'int', size: 4, signed: false, bigEndian: false };
const s32: Layout = { kind: 'int', size: 4, signed: true, bigEndian: false };
const u64: Layout = { kind: 'int', size: 8, signed: false, bigEndian: false };

/**
 * Keys and values that the map's type alone describes: libbpf loads these maps without BTF, since the kernel takes none for them
 * (libbpf's bpf_object__create_map()). They read like their structs in include/uapi/linux/bpf.h.
 */
export function kernelLayouts(
  type: string,
  keySize: number,
  valueSize: number,
): { key: Layout | undefined; value: Layout | undefined } {
  const key = keySize === 4 ? u32 : undefined;
  switch (type) {
    case 'prog_array':
    case 'array_of_maps':
      return { key, value: valueSize === 4 ? u32 : undefined };
    case 'hash_of_maps':
      return { key: undefined, value: valueSize === 4 ? u32 : undefined };
    case 'devmap':
    case 'devmap_hash':
      return { key, value: withProgram('bpf_devmap_val', 'ifindex', valueSize) };
    case 'cpumap':
      return { key, value: withProgram('bpf_cpumap_val', 'qsize', valueSize) };
    case 'sockmap':
    case 'reuseport_sockarray':
      // Socket cookies, where the value has room for them.
      return { key, value: valueSize === 8 ? u64 : undefined };
    case 'struct_ops':
      return { key, value: undefined };
    case 'sockhash':
      return { key: undefined, value: valueSize === 8 ? u64 : undefined };
    default:
      return { key: undefined, value: undefined };
  }
}

function withProgram(name: string, first: string, valueSize: number): Layout | undefined {
  if (valueSize === 4) return u32;
  if (valueSize !== 8) return undefined;
  const program: Layout = {
    kind: 'union',
    name: '',
    size: 4,
    fields: [
      { name: 'fd', offset: 0, layout: s32, overlaps: true },
      { name: 'id', offset: 0, layout: u32, overlaps: true },
    ],
  };
  return {
    kind: 'struct',
    name,
    size: 8,
    fields: [
      { name: first, offset: 0, layout: u32, overlaps: false },
      { name: 'bpf_prog', offset: 4, layout: program, overlaps: false },
    ],
  };
}
