/** BTF as parsed values. Source: include/uapi/linux/btf.h and Documentation/bpf/btf.rst. Sizes in bytes, offsets in bits. */

export interface Btf {
  /** Index = type id; entry 0 is `void`. */
  types: readonly BtfType[];
  /** Set when the section, and so the memory that it describes, is big-endian. */
  bigEndian?: boolean;
}

export type BtfType =
  | { kind: 'void'; name: '' }
  | {
      kind: 'int';
      name: string;
      size: number;
      bits: number;
      bitOffset: number;
      signed: boolean;
      char: boolean;
      bool: boolean;
    }
  | { kind: 'ptr'; name: ''; type: number }
  | { kind: 'array'; name: ''; type: number; indexType: number; nelems: number }
  | { kind: 'struct' | 'union'; name: string; size: number; members: readonly BtfMember[] }
  | { kind: 'enum'; name: string; size: number; signed: boolean; values: readonly BtfEnumerator[] }
  | { kind: 'fwd'; name: string; union: boolean }
  | { kind: 'typedef'; name: string; type: number }
  | { kind: 'volatile' | 'const' | 'restrict'; name: ''; type: number }
  | { kind: 'func'; name: string; type: number; linkage: 'static' | 'global' | 'extern' }
  | { kind: 'func_proto'; name: ''; returnType: number; params: readonly { name: string; type: number }[] }
  | { kind: 'var'; name: string; type: number; linkage: 'static' | 'global' | 'extern' }
  | { kind: 'datasec'; name: string; size: number; vars: readonly { type: number; offset: number; size: number }[] }
  | { kind: 'float'; name: string; size: number }
  | { kind: 'decl_tag'; name: string; type: number; componentIndex: number }
  | { kind: 'type_tag'; name: string; type: number };

export interface BtfMember {
  name: string;
  type: number;
  /** From the start of the struct. */
  bitOffset: number;
  /** 0 unless this is a bit-field. */
  bitSize: number;
}

export interface BtfEnumerator {
  name: string;
  /** 64-bit enums need bigint. */
  value: bigint;
}
