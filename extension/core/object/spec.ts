import type { Btf } from '../btf/types.ts';

/** What an object file declares, read without a kernel. Spec before object: parsing is pure, only loading touches the kernel. */
export interface ObjectSpec {
  /** Text of the `license` section, without its NUL; undefined when the object has none. */
  license: string | undefined;
  programs: ProgramSpec[];
  maps: MapSpec[];
  btf: Btf | undefined;
  /** The raw `.BTF` section, as webviews and the decoder take it. */
  btfBytes: Uint8Array | undefined;
  /** Things a user should know about this object that do not stop it from loading (e.g. legacy `SEC("maps")`). */
  warnings: string[];
}

export interface ProgramSpec {
  /** The C function. */
  name: string;
  /** ELF section, e.g. `xdp`, `xdp.frags`, `tc`. */
  section: string;
  /** libbpf's short name: `xdp`, `sched_cls`, `raw_tracepoint`, …; `unspec` when the section name says nothing. */
  type: string;
  /** True for `xdp.frags`. */
  frags: boolean;
  /** Number of 8-byte instructions, without the subprograms that libbpf appends. */
  insns: number;
  /** Place of the function's first line where BTF.ext has line info. */
  source: SourcePlace | undefined;
}

export interface MapSpec {
  name: string;
  /** libbpf's short name (`percpu_array`); global data sections are `array`. */
  type: string;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  /** BTF type ids in `ObjectSpec.btf`; 0 when not declared. */
  keyTypeId: number;
  valueTypeId: number;
  /** C spelling (`struct flow_key`, `__u32`); undefined without BTF. */
  keyType: string | undefined;
  valueType: string | undefined;
  pinning: 'none' | 'by-name';
  /** For `.data`, `.bss`, `.rodata` and their named variants. */
  globalData: boolean;
  /** Of a map of maps: what the maps in it are like, under the name of `values`. */
  inner?: MapSpec;
}

export interface SourcePlace {
  file: string;
  /** 1-based. */
  line: number;
  column: number;
}
