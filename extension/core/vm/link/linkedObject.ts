import type { Btf } from '../../btf/types.ts';
import type { ProgramPlace } from '../../object/programs.ts';
import type { LineTable } from '../../object/programs.ts';
import type { MapSpec } from '../../object/spec.ts';
import type { Code } from '../isa/code.ts';
import type { MapDefinition } from '../maps/map.ts';

/** An object file after linking, before it has memory: what libbpf would hand to the kernel. Shared by any number of machines. */
export interface LinkedObject {
  programs: ReadonlyMap<string, LinkedProgram>;
  maps: readonly LinkedMap[];
  lines: LineTable;
  /** What was assumed, for people: default kernel options, externs that are not there. */
  remarks: readonly string[];
}

export interface LinkedProgram {
  name: string;
  section: string;
  frags: boolean;
  /** `ld_imm64` of maps have their number in `imm` and the offset into the value in `immHigh`, until a machine fills them. */
  code: Code;
  /** The program's function first, then its subprograms, by rising start. */
  functions: readonly LinkedFunction[];
  /** Names of kernel functions; calls to them have the index in `imm`. */
  kfuncs: readonly string[];
  /** Slots of CO-RE accesses to what the target kernel does not have, and why. */
  poisoned: ReadonlyMap<number, string>;
  /** The jump tables with pointers to code in them; empty in most programs. */
  jumpTables: Uint8Array;
}

export interface LinkedFunction {
  name: string;
  /** Slot of its first instruction in the program. */
  start: number;
  length: number;
  place: ProgramPlace;
}

export interface LinkedMap {
  spec: MapSpec;
  definition: MapDefinition;
  /** First bytes of global data. */
  initial: Uint8Array | undefined;
  /** Initial entries of prog arrays and maps of maps. */
  references: readonly { index: number; kind: 'map' | 'program'; name: string }[];
}

export interface LinkOptions {
  /** What CO-RE relocations are resolved against; without it, what the compiler saw counts. */
  kernelBtf?: Btf;
  /** Values of `__kconfig` externs: numbers, `y`/`n`/`m`, or text. */
  kconfig?: Readonly<Record<string, string | number | bigint>>;
  /** For `LINUX_KERNEL_VERSION`, as KERNEL_VERSION(a, b, c) has it. */
  kernelVersion?: number;
  cpuCount: number;
  /** Is there such a kernel function? For weak externs. */
  hasKfunc(name: string): boolean;
}
