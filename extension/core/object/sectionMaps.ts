import { alignOf, sizeOf, typeAt } from '../btf/resolve.ts';
import { typeName } from '../btf/typeName.ts';
import type { Btf, BtfType } from '../btf/types.ts';
import { ByteReader } from '../elf/byteReader.ts';
import {
  elfSectionFlag,
  elfSectionType,
  elfSymbolType,
  type ElfFile,
  type ElfSection,
  sectionNamed,
} from '../elf/readElf.ts';
import { mapTypeName } from '../maps/types.ts';
import type { MapSpec } from './spec.ts';

/** BPF_F_RDONLY_PROG and BPF_F_MMAPABLE of include/uapi/linux/bpf.h. */
const readOnlyForPrograms = 0x80;
const mmapable = 0x400;

/**
 * Global variables: libbpf makes an array of one entry out of each data section and shows it under the section's name
 * (libbpf.c, bpf_object__init_global_data_maps).
 */
export function globalDataMaps(elf: ElfFile, btf: Btf | undefined): MapSpec[] {
  const maps: MapSpec[] = [];
  const datasecs = datasecIds(btf);
  for (const section of elf.sections) {
    const constant = isNamed(section, '.rodata');
    const data =
      constant || isNamed(section, '.data') || (section.type === elfSectionType.nobits && isNamed(section, '.bss'));
    if (!data || section.size === 0 || (section.flags & elfSectionFlag.alloc) === 0) continue;
    maps.push(dataMap(btf, datasecs, section.name, section.size, constant));
  }
  const kconfig = btf === undefined ? undefined : kconfigSize(btf);
  if (kconfig !== undefined && kconfig > 0) maps.push(dataMap(btf, datasecs, '.kconfig', kconfig, true));
  return maps;
}

/** Maps of the `SEC("maps")` time, which libbpf 1.0 and newer refuse. */
export function legacyMaps(elf: ElfFile, warnings: string[]): MapSpec[] {
  const section = sectionNamed(elf, 'maps');
  if (section === undefined || section.data.length === 0) return [];
  const symbols = elf.symbols.filter(
    (symbol) => symbol.section === section.index && symbol.type !== elfSymbolType.section && symbol.name !== '',
  );
  const reader = new ByteReader(section.data, elf.littleEndian, 'the section "maps"', section.offset);
  const maps = symbols.map((symbol): MapSpec => {
    const word = (index: number): number => reader.u32(symbol.value + 4 * index);
    const sizes = { keySize: word(1), valueSize: word(2), maxEntries: word(3), flags: word(4) };
    const types = { keyTypeId: 0, valueTypeId: 0, keyType: undefined, valueType: undefined };
    return { name: symbol.name, type: mapTypeName(word(0)), ...sizes, ...types, pinning: 'none', globalData: false };
  });
  const names = maps.map((map) => map.name).join(', ');
  warnings.push(
    `The maps ${names} are defined with SEC("maps"), which libbpf 1.0 and newer refuse to load. Define them in SEC(".maps").`,
  );
  return maps;
}

/** `SEC(".struct_ops")` variables; the kernel's own value type is larger and only known there. */
export function structOpsMaps(btf: Btf): MapSpec[] {
  const maps: MapSpec[] = [];
  for (const type of btf.types) {
    if (type.kind !== 'datasec' || !/^\.struct_ops(\.link)?$/.test(type.name)) continue;
    for (const { type: id, size } of type.vars) {
      const variable = typeAt(btf, id);
      if (variable.kind !== 'var') continue;
      maps.push({
        name: variable.name,
        type: 'struct_ops',
        keySize: 4,
        valueSize: size,
        maxEntries: 1,
        flags: 0,
        keyTypeId: 0,
        valueTypeId: variable.type,
        keyType: undefined,
        valueType: typeName(btf, variable.type),
        pinning: 'none',
        globalData: false,
      });
    }
  }
  return maps;
}

function isNamed(section: ElfSection, name: string): boolean {
  const kind = section.type === elfSectionType.progbits || section.type === elfSectionType.nobits;
  return kind && (section.name === name || section.name.startsWith(`${name}.`));
}

function datasecIds(btf: Btf | undefined): Map<string, number> {
  const ids = new Map<string, number>();
  btf?.types.forEach((type, id) => type.kind === 'datasec' && ids.set(type.name, id));
  return ids;
}

function dataMap(
  btf: Btf | undefined,
  datasecs: ReadonlyMap<string, number>,
  name: string,
  size: number,
  constant: boolean,
): MapSpec {
  const valueTypeId = datasecs.get(name) ?? 0;
  const shared = name !== '.kconfig' && btf !== undefined && hasGlobalVariable(btf, typeAt(btf, valueTypeId));
  return {
    name,
    type: 'array',
    keySize: 4,
    valueSize: size,
    maxEntries: 1,
    flags: (constant ? readOnlyForPrograms : 0) | (shared ? mmapable : 0),
    keyTypeId: 0,
    valueTypeId,
    keyType: undefined,
    valueType: undefined,
    pinning: 'none',
    globalData: true,
  };
}

/** libbpf maps a section into user space when it has a variable that user space may name (libbpf.c, map_is_mmapable). */
function hasGlobalVariable(btf: Btf, datasec: BtfType): boolean {
  if (datasec.kind !== 'datasec') return false;
  return datasec.vars.some(({ type }) => {
    const variable = typeAt(btf, type);
    return variable.kind === 'var' && variable.linkage !== 'static';
  });
}

/** Externs of `.kconfig`, laid out by falling alignment, then rising size, then name (libbpf.c, cmp_externs). */
function kconfigSize(btf: Btf): number | undefined {
  const datasec = btf.types.find((type) => type.kind === 'datasec' && type.name === '.kconfig');
  if (datasec?.kind !== 'datasec') return undefined;
  const known = new Map<number, number>();
  const externs = datasec.vars.map(({ type }) => {
    return { align: alignOf(btf, type, known), size: sizeOf(btf, type) ?? 0 };
  });
  externs.sort((a, b) => b.align - a.align || a.size - b.size);
  let end = 0;
  for (const { align, size } of externs) end = Math.ceil(end / align) * align + size;
  return end <= 0xffffffff ? end : undefined;
}
