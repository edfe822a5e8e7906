import type { Btf } from '../../btf/types.ts';
import { damaged } from '../../elf/byteReader.ts';
import { type ElfFile, type ElfSection, sectionNamed } from '../../elf/readElf.ts';
import type { ObjectSpec } from '../../object/spec.ts';
import { insnClass, opcode, sizeBits, slotBytes } from '../isa/opcodes.ts';
import { type CoreRecord, readCoreRecords } from './coreRecords.ts';
import { type Candidates, candidatesOf, type CoreAccess, coreValue } from './coreValue.ts';
import type { LinkOptions } from './linkedObject.ts';

export interface CoreResult {
  /** Patched code by section number, where anything was patched. */
  sections: ReadonlyMap<number, Uint8Array>;
  /** Section number → byte offset of an instruction that needs what the target lacks → what. */
  poisoned: ReadonlyMap<number, ReadonlyMap<number, string>>;
}

/** Does this object have CO-RE relocations, so that the kernel's types matter? */
export function needsKernelBtf(elf: ElfFile): boolean {
  return recordsOf(elf).length > 0;
}

const known = new WeakMap<Btf, Candidates>();

/**
 * Resolves CO-RE relocations against `options.kernelBtf`. Without it the code stays as the compiler wrote it, which is
 * right where the kernel's types are those that the program was compiled with.
 */
export function applyCore(elf: ElfFile, spec: ObjectSpec, options: LinkOptions): CoreResult {
  const sections = new Map<number, Uint8Array>();
  const poisoned = new Map<number, Map<number, string>>();
  const target = options.kernelBtf;
  if (spec.btf === undefined || target === undefined) return { sections, poisoned };
  const records = recordsOf(elf);
  if (records.length === 0) return { sections, poisoned };
  let candidates = known.get(target);
  if (candidates === undefined) {
    candidates = candidatesOf(target);
    known.set(target, candidates);
  }
  for (const record of records) {
    const section = sectionNamed(elf, record.section);
    if (section === undefined) continue;
    const bytes = patchable(sections, section);
    if (record.offset % slotBytes !== 0 || record.offset + slotBytes > bytes.length) {
      throw damaged(`a CO-RE relocation points beyond section ${section.name}`, section.offset);
    }
    const answer = coreValue(record, spec.btf, target, candidates);
    const missing = answer.kind === 'value' ? patch(bytes, record, answer) : answer.what;
    if (missing === undefined) continue;
    const list = poisoned.get(section.index) ?? new Map<number, string>();
    list.set(record.offset, missing);
    poisoned.set(section.index, list);
  }
  return { sections, poisoned };
}

function recordsOf(elf: ElfFile): CoreRecord[] {
  const btf = sectionNamed(elf, '.BTF')?.data;
  const ext = sectionNamed(elf, '.BTF.ext')?.data;
  return btf === undefined || ext === undefined ? [] : readCoreRecords(ext, btf);
}

function patchable(sections: Map<number, Uint8Array>, section: ElfSection): Uint8Array {
  const before = sections.get(section.index);
  if (before !== undefined) return before;
  const copy = section.data.slice();
  sections.set(section.index, copy);
  return copy;
}

/** relo_core.c, bpf_core_patch_insn(). What the target lacks for this instruction, if it does. */
function patch(
  bytes: Uint8Array,
  record: CoreRecord,
  { value, access }: { value: bigint; access?: CoreAccess },
): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = record.offset;
  const op = view.getUint8(at);
  switch (op & 7) {
    case insnClass.alu:
    case insnClass.alu64:
      view.setInt32(at + 4, Number(BigInt.asIntN(32, value)), true);
      return undefined;
    case insnClass.ldx:
    case insnClass.st:
    case insnClass.stx: {
      if (access !== undefined && 'what' in access) return access.what;
      view.setInt16(at + 2, Number(value), true);
      const size = access === undefined ? undefined : sizeCode[access.bytes];
      if (size !== undefined) view.setUint8(at, (op & ~0x18) | size);
      return undefined;
    }
    default:
      if (op !== opcode.loadImm64)
        throw damaged(`a CO-RE relocation is on an instruction that cannot carry it (opcode ${op})`, at);
      view.setInt32(at + 4, Number(BigInt.asIntN(32, value)), true);
      view.setInt32(at + slotBytes + 4, Number(BigInt.asIntN(32, value >> 32n)), true);
      return undefined;
  }
}

const sizeCode: Readonly<Record<number, number>> = { 1: sizeBits.b, 2: sizeBits.h, 4: sizeBits.w, 8: sizeBits.dw };
