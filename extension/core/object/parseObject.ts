import { type BtfExt, readBtfExt } from '../btf/btfExt.ts';
import { decodeUtf8Lossy } from '../elf/utf8.ts';
import { type ElfFile, readElf, sectionNamed } from '../elf/readElf.ts';
import { btfMaps } from './btfMaps.ts';
import { completeBtf } from './completeBtf.ts';
import { programSpecs } from './programs.ts';
import { globalDataMaps, legacyMaps, structOpsMaps } from './sectionMaps.ts';
import type { ObjectSpec } from './spec.ts';

/**
 * What an object file declares: programs, maps, licence, types. Pure and deterministic; nothing is loaded.
 * Throws XdpError `not-bpf-object` or `object-damaged`.
 */
export function parseObject(bytes: Uint8Array): ObjectSpec {
  const elf = readElf(bytes);
  const warnings: string[] = [];
  const { btf, btfBytes } = completeBtf(elf) ?? {};
  const lines = readLines(elf)?.lines ?? [];
  const programs = programSpecs(elf, lines, warnings);
  const declared = btf === undefined ? [] : btfMaps(btf, warnings);
  if (btf === undefined && sectionNamed(elf, '.maps') !== undefined) {
    warnings.push('The object has maps but no type information (.BTF): libbpf cannot load it. Compile it with -g.');
  }
  const maps = [
    ...declared,
    ...legacyMaps(elf, warnings),
    ...globalDataMaps(elf, btf),
    ...(btf === undefined ? [] : structOpsMaps(btf)),
  ];
  return { license: licenseOf(elf), programs, maps, btf, btfBytes, warnings };
}

/** `.BTF.ext` of an object; undefined when it has none. */
export function readLines(elf: ElfFile): BtfExt | undefined {
  const btfBytes = sectionNamed(elf, '.BTF')?.data;
  const extBytes = sectionNamed(elf, '.BTF.ext')?.data;
  return btfBytes === undefined || extBytes === undefined ? undefined : readBtfExt(extBytes, btfBytes);
}

function licenseOf(elf: ElfFile): string | undefined {
  const data = sectionNamed(elf, 'license')?.data;
  if (data === undefined) return undefined;
  const end = data.indexOf(0);
  return decodeUtf8Lossy(data, 0, end < 0 ? data.length : end);
}
