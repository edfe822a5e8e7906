import { XdpError } from '../../errors.ts';
import { type ElfFile, readElf } from '../../elf/readElf.ts';
import { parseObject, readLines } from '../../object/parseObject.ts';
import { entryPoints, functionsOf, lineTable } from '../../object/programs.ts';
import type { ObjectSpec } from '../../object/spec.ts';
import { applyCore } from './applyCore.ts';
import { layOutKconfig } from './kconfig.ts';
import { linkMaps } from './linkMaps.ts';
import { linkProgram, type ProgramInput } from './linkProgram.ts';
import type { LinkedObject, LinkedProgram, LinkOptions } from './linkedObject.ts';

/** Links an object as libbpf does before it loads it. Throws XdpError for what libbpf or the instruction set refuse. */
export function linkObject(
  bytes: Uint8Array,
  options: LinkOptions,
  spec: ObjectSpec = parseObject(bytes),
): LinkedObject {
  const input = prepare(bytes, options, spec);
  const { elf, kconfig, remarks } = input;
  const maps = linkMaps(elf, spec, options, kconfig.bytes);
  const programs = new Map<string, LinkedProgram>();
  for (const place of entryPoints(elf, [])) {
    const program = spec.programs.find((each) => each.name === place.name);
    if (program !== undefined) programs.set(place.name, linkProgram(input, program, place));
  }
  return { programs, maps, lines: lineTable(readLines(elf)?.lines ?? []), remarks: [...new Set(remarks)] };
}

/** One program of an object, to be read: what is wrong with the others does not matter. undefined: there is no such program. */
export function linkOneProgram(
  bytes: Uint8Array,
  name: string,
  options: LinkOptions,
  spec: ObjectSpec,
): { elf: ElfFile; program: LinkedProgram } | undefined {
  const input = prepare(bytes, options, spec);
  const place = entryPoints(input.elf, []).find((each) => each.name === name);
  const program = spec.programs.find((each) => each.name === name);
  if (place === undefined || program === undefined) return undefined;
  return { elf: input.elf, program: linkProgram(input, program, place) };
}

function prepare(bytes: Uint8Array, options: LinkOptions, spec: ObjectSpec): ProgramInput {
  // A Buffer's slice() would be a view.
  const elf = readElf(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (!elf.littleEndian) {
    throw new XdpError('not-available', 'The built-in machine runs little-endian objects only.', {
      fix: 'Compile with -target bpfel, or -target bpf on a little-endian machine.',
    });
  }
  const remarks: string[] = [];
  const kconfig = layOutKconfig(spec.btf, options, remarks);
  const core = applyCore(elf, spec, options);
  return { elf, spec, options, kconfig, core, functions: functionsOf(elf), remarks };
}
