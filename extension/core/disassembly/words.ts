import { stripModifiers, typeAt } from '../btf/resolve.ts';
import type { Btf } from '../btf/types.ts';
import { type ElfFile, elfSymbolType, sectionNamed } from '../elf/readElf.ts';
import type { ProgramPlace } from '../object/programs.ts';
import type { ObjectSpec } from '../object/spec.ts';
import { coreKind, type CoreRecord, readCoreRecords } from '../vm/link/coreRecords.ts';
import { localSpec } from '../vm/link/coreSpec.ts';

/** What a relocation of an instruction says. */
export interface RelocationWords {
  /** Stands for the number that the linker or the loader fills in. */
  symbol?: string;
  note?: string;
}

/** Finds what the relocations of an object say of the instruction at a byte offset of a function's section. */
export function relocationWords(
  elf: ElfFile,
  spec: ObjectSpec,
): (place: ProgramPlace, offset: number) => RelocationWords | undefined {
  const known = new Map<string, RelocationWords>();
  for (const [section, relocations] of elf.relocations) {
    const code = elf.sections[section]?.data;
    if (code === undefined) continue;
    for (const { offset, symbol: index } of relocations) {
      const symbol = elf.symbols[index];
      if (symbol === undefined || symbol.type === elfSymbolType.func || offset + 8 > code.length) continue;
      const words = symbol.section === 0 ? externWords(symbol.name) : variableWords(elf, spec, symbol, code, offset);
      if (words !== undefined) known.set(`${section}:${offset}`, words);
    }
  }
  for (const record of coreRecordsOf(elf)) {
    const section = sectionNamed(elf, record.section)?.index;
    if (spec.btf !== undefined) known.set(`${section}:${record.offset}`, { note: coreWords(record, spec.btf) });
  }
  return (place, offset) => known.get(`${place.section.index}:${offset}`);
}

/** A kernel function that is called has its name in the call already. */
function externWords(name: string): RelocationWords | undefined {
  return name === '' ? undefined : { symbol: name, note: 'extern, filled in by libbpf' };
}

/** Global data: the variable at `symbol + addend`. */
function variableWords(
  elf: ElfFile,
  { btf, maps }: ObjectSpec,
  symbol: { section: number; value: number },
  code: Uint8Array,
  offset: number,
): RelocationWords | undefined {
  const section = elf.sections[symbol.section]?.name ?? '';
  if (btf === undefined || !maps.some((map) => map.globalData && map.name === section)) return undefined;
  const addend = new DataView(code.buffer, code.byteOffset, code.byteLength).getInt32(offset + 4, true);
  const at = symbol.value + addend;
  const data = btf.types.find((type) => type.kind === 'datasec' && type.name === section);
  if (data?.kind !== 'datasec') return undefined;
  const found = data.vars.find((each) => at >= each.offset && at < each.offset + each.size);
  if (found === undefined) return undefined;
  const { name } = typeAt(btf, found.type);
  const inside = at - found.offset;
  return { symbol: inside === 0 ? name : `${name} + ${inside}`, note: `global data, ${section} + ${at}` };
}

function coreRecordsOf(elf: ElfFile): CoreRecord[] {
  const btf = sectionNamed(elf, '.BTF')?.data;
  const ext = sectionNamed(elf, '.BTF.ext')?.data;
  return btf === undefined || ext === undefined ? [] : readCoreRecords(ext, btf);
}

/** A CO-RE relocation in words, by the compiler's types: `CO-RE: offset of struct task_struct.pid`. */
function coreWords(record: CoreRecord, btf: Btf): string {
  return `CO-RE: ${question(record.kind, subject(record, btf))}`;
}

function question(kind: number, of: string): string {
  switch (kind) {
    case coreKind.fieldByteOffset:
      return `offset of ${of}`;
    case coreKind.fieldByteSize:
    case coreKind.typeSize:
      return `size of ${of}`;
    case coreKind.fieldExists:
    case coreKind.typeExists:
    case coreKind.enumValueExists:
      return `1 if the kernel has ${of}`;
    case coreKind.fieldSigned:
      return `1 if signed: ${of}`;
    case coreKind.fieldLeftShift:
      return `shift to the left for ${of}`;
    case coreKind.fieldRightShift:
      return `shift to the right for ${of}`;
    case coreKind.typeIdLocal:
      return `this object’s type id of ${of}`;
    case coreKind.typeIdTarget:
      return `the kernel’s type id of ${of}`;
    case coreKind.enumValue:
      return `value of ${of}`;
    case coreKind.typeMatches:
      return `1 if the kernel’s type matches ${of}`;
    default:
      return `relocation ${kind} of ${of}`;
  }
}

function subject({ kind, typeId, access }: CoreRecord, btf: Btf): string {
  const named = typeAt(btf, typeId);
  const { type: root } = stripModifiers(btf, typeId);
  const type = named.name === '' ? root : named;
  const name = type.kind === 'typedef' ? type.name : `${type.kind} ${type.name}`;
  if (kind === coreKind.enumValue || kind === coreKind.enumValueExists) {
    const value = root.kind === 'enum' ? root.values[access[0] ?? 0]?.name : undefined;
    return value === undefined ? name : `${value} of ${name}`;
  }
  if (kind >= coreKind.typeIdLocal) return name;
  const steps = localSpec(btf, typeId, access)?.steps.slice(1) ?? [];
  return `${name}${steps.map((step) => (step.name === undefined ? `[${step.index}]` : `.${step.name}`)).join('')}`;
}
