import { datasecPlaces, readBtf } from '../btf/readBtf.ts';
import { typeAt } from '../btf/resolve.ts';
import type { Btf } from '../btf/types.ts';
import { type ElfFile, elfBinding, sectionNamed } from '../elf/readElf.ts';

/**
 * The object's BTF with its data sections completed. The compiler leaves the sizes of sections and the offsets of global
 * variables at 0, for the linker to fill in; libbpf does it before it loads (libbpf.c, btf_fixup_datasec), so the kernel's
 * copy has them.
 */
export function completeBtf(elf: ElfFile): { btf: Btf; btfBytes: Uint8Array } | undefined {
  const section = sectionNamed(elf, '.BTF');
  if (section === undefined) return undefined;
  const btf = readBtf(section.data);
  const places = [...datasecPlaces(section.data)];
  if (places.length === 0) return { btf, btfBytes: section.data };
  // Not slice(): that of a Node Buffer shares its memory.
  const bytes = new Uint8Array(section.data);
  const view = new DataView(bytes.buffer);
  const little = elf.littleEndian;
  const offsets = globalOffsets(elf);
  for (const { name, at, count } of places) {
    const target = sectionNamed(elf, name);
    // A size that is set comes from the static linker, which has set everything.
    if (target === undefined || view.getUint32(at + 8, little) !== 0) continue;
    view.setUint32(at + 8, target.size, little);
    const entries: { type: number; offset: number; size: number }[] = [];
    for (let i = 0; i < count; i++) {
      const entry = at + 12 + 12 * i;
      const type = view.getUint32(entry, little);
      const variable = typeAt(btf, type);
      const symbol =
        variable.kind === 'var' && variable.linkage !== 'static'
          ? offsets.get(`${target.index}:${variable.name}`)
          : undefined;
      entries.push({
        type,
        offset: symbol ?? view.getUint32(entry + 4, little),
        size: view.getUint32(entry + 8, little),
      });
    }
    entries.sort((a, b) => a.offset - b.offset);
    entries.forEach(({ type, offset, size }, i) => {
      const entry = at + 12 + 12 * i;
      view.setUint32(entry, type, little);
      view.setUint32(entry + 4, offset, little);
      view.setUint32(entry + 8, size, little);
    });
  }
  return { btf: readBtf(bytes), btfBytes: bytes };
}

/** `section:name` → offset of every symbol that is not local. */
function globalOffsets(elf: ElfFile): Map<string, number> {
  const offsets = new Map<string, number>();
  for (const symbol of elf.symbols) {
    if (symbol.binding !== elfBinding.local) offsets.set(`${symbol.section}:${symbol.name}`, symbol.value);
  }
  return offsets;
}
