import { stripModifiers, typeAt } from '../../btf/resolve.ts';
import type { Btf } from '../../btf/types.ts';
import { type ElfFile, elfSectionType, type ElfSymbol, elfSymbolType, sectionNamed } from '../../elf/readElf.ts';
import type { MapSpec, ObjectSpec } from '../../object/spec.ts';
import type { MapDefinition } from '../maps/map.ts';
import type { LinkedMap, LinkOptions } from './linkedObject.ts';

const pageBytes = 4096;

/** Maps as libbpf would make them, in the order of the object. */
export function linkMaps(elf: ElfFile, object: ObjectSpec, options: LinkOptions, kconfig: Uint8Array): LinkedMap[] {
  const references = initialReferences(elf, object);
  return object.maps.map((spec): LinkedMap => {
    const initial = spec.globalData ? initialBytes(elf, spec, kconfig) : undefined;
    return {
      spec,
      definition: definitionOf(spec, object.btf, options.cpuCount),
      initial,
      references: references.get(spec.name) ?? [],
    };
  });
}

/** What the kernel would make of a map. */
export function definitionOf(spec: MapSpec, btf: Btf | undefined, cpuCount: number): MapDefinition {
  const { name, type, keySize, valueSize, flags } = spec;
  let { maxEntries } = spec;
  // What libbpf fills in, and it fills in no sizes: libbpf.c, map_set_def_max_entries() and adjust_ringbuf_sz().
  if (type === 'perf_event_array') maxEntries ||= cpuCount;
  if (type === 'ringbuf') maxEntries = ringBytes(maxEntries);
  const kept = btf === undefined || spec.valueTypeId === 0 ? [] : keptRanges(btf, spec.valueTypeId);
  const locked = kept.some(({ type: kind }) => kind.endsWith('spin_lock'));
  return { name, type, keySize, valueSize, maxEntries, flags, kept, locked };
}

function ringBytes(declared: number): number {
  const pages = Math.ceil(declared / pageBytes);
  return pages === 0 ? 0 : 2 ** Math.ceil(Math.log2(pages)) * pageBytes;
}

function initialBytes(elf: ElfFile, spec: MapSpec, kconfig: Uint8Array): Uint8Array {
  if (spec.name === '.kconfig') return kconfig;
  const section = sectionNamed(elf, spec.name);
  return section === undefined || section.type === elfSectionType.nobits ? new Uint8Array(0) : section.data;
}

/** Fields that map updates leave alone: include/linux/bpf.h, enum btf_field_type. */
const keptTypes = new Set(['bpf_spin_lock', 'bpf_res_spin_lock', 'bpf_timer', 'bpf_wq']);

function keptRanges(btf: Btf, typeId: number): { offset: number; size: number; type: string }[] {
  const { type } = stripModifiers(btf, typeId);
  if (type.kind !== 'struct') return [];
  const ranges: { offset: number; size: number; type: string }[] = [];
  for (const member of type.members) {
    const field = stripModifiers(btf, member.type).type;
    if (field.kind !== 'struct' || !keptTypes.has(field.name)) continue;
    ranges.push({ offset: member.bitOffset / 8, size: field.size, type: field.name });
  }
  return ranges.sort((a, b) => a.offset - b.offset);
}

/** `.values = { [0] = &inner, … }`: a relocation in the section .maps for each entry. */
function initialReferences(elf: ElfFile, object: ObjectSpec): Map<string, LinkedMap['references'][number][]> {
  const result = new Map<string, LinkedMap['references'][number][]>();
  const section = sectionNamed(elf, '.maps');
  const { btf } = object;
  if (section === undefined || btf === undefined) return result;
  for (const relocation of elf.relocations.get(section.index) ?? []) {
    const owner = elf.symbols.find((symbol) => holds(symbol, section.index, relocation.offset));
    const target = elf.symbols[relocation.symbol];
    const values = owner === undefined ? undefined : valuesOffset(btf, owner.name);
    if (owner === undefined || target === undefined || values === undefined) continue;
    const inSection = elf.symbols.find(
      (symbol) =>
        symbol.section === target.section && symbol.type !== elfSymbolType.section && symbol.value === target.value,
    );
    const name = target.name !== '' && target.type !== elfSymbolType.section ? target.name : (inSection?.name ?? '');
    const kind = object.maps.some((map) => map.name === name) ? 'map' : 'program';
    const list = result.get(owner.name) ?? [];
    list.push({ index: (relocation.offset - owner.value - values) / 8, kind, name });
    result.set(owner.name, list);
  }
  return result;
}

function holds(symbol: ElfSymbol, section: number, offset: number): boolean {
  if (symbol.section !== section || symbol.type === elfSymbolType.section) return false;
  return offset >= symbol.value && offset < symbol.value + symbol.size;
}

/** Bytes from the start of a map's definition to its `values`. */
function valuesOffset(btf: Btf, mapName: string): number | undefined {
  const datasec = btf.types.find((type) => type.kind === 'datasec' && type.name === '.maps');
  if (datasec?.kind !== 'datasec') return undefined;
  for (const { type } of datasec.vars) {
    const variable = typeAt(btf, type);
    if (variable.kind !== 'var' || variable.name !== mapName) continue;
    const definition = stripModifiers(btf, variable.type).type;
    if (definition.kind !== 'struct') return undefined;
    const values = definition.members.find((member) => member.name === 'values');
    return values === undefined ? undefined : values.bitOffset / 8;
  }
  return undefined;
}
