import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundledInclude, repository } from './toolchain.ts';

/**
 * The object that this clang makes of a source of the repository; undefined where its back end refuses it, as old ones do
 * code without optimisation that needs more than 512 bytes of stack.
 */
export function compileSourceWith(clang: string, source: string, flags: readonly string[]): Uint8Array | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'xdp-dwarf-'));
  try {
    const output = join(folder, 'object.o');
    const includes = [
      `-I${bundledInclude}`,
      `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
    ];
    const args = ['-g', ...flags, '-target', 'bpf', ...includes, '-c', join(repository, source), '-o', output];
    const { status, stderr } = spawnSync(clang, args, { encoding: 'utf8' });
    if (status === 0) return readFileSync(output);
    if (/stack|too many args|defined without optimi[sz]ation/i.test(stderr)) return undefined;
    throw new Error(`${clang} ${args.join(' ')}: ${stderr}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One entry of the debug information, as llvm-dwarfdump prints it. Addresses are offsets in their section. */
export interface DumpedEntry {
  tag: string;
  name: string | undefined;
  /** Without `struct`, `union`, `enum` and spaces; undefined where llvm-dwarfdump does not write it as C does. */
  type: string | undefined;
  line: number | undefined;
  ranges: string[];
  /** `[start, end) first operation`, `always first operation`; `other` for those with operands that need decoding. */
  locations: string[];
}

export interface DumpedLine {
  address: number;
  line: number;
  column: number;
  flags: string;
}

/** What llvm-dwarfdump says about an object. */
export function dwarfdump(elf: Uint8Array): { entries: Map<number, DumpedEntry>; lines: DumpedLine[] } {
  const folder = mkdtempSync(join(tmpdir(), 'xdp-dwarf-'));
  try {
    const file = join(folder, 'object.o');
    writeFileSync(file, elf);
    const dump = (what: string): string =>
      execFileSync('llvm-dwarfdump', [what, file], { encoding: 'utf8', maxBuffer: 1 << 28 });
    return { entries: parseEntries(dump('--debug-info')), lines: parseLines(dump('--debug-line')) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function parseLines(text: string): DumpedLine[] {
  return [...text.matchAll(/^0x([0-9a-f]{16}) +(\d+) +(\d+) +\d+ +\d+ +\d+ +(?:\d+ +)?(.*)$/gm)].map(
    ([, address, line, column, flags]) => ({
      address: parseInt(address ?? '', 16),
      line: Number(line),
      column: Number(column),
      flags: (flags ?? '').trim().split(/ +/).join(' '),
    }),
  );
}

function parseEntries(text: string): Map<number, DumpedEntry> {
  const entries = new Map<number, DumpedEntry>();
  for (const block of text.split(/\n(?=0x[0-9a-f]{8}: +DW_TAG)/).slice(1)) {
    const [, offset, tag] = /^0x([0-9a-f]{8}): +DW_TAG_(\w+)/.exec(block) ?? [];
    const type = /DW_AT_type\s+\(0x[0-9a-f]+ "(.*)"\)/.exec(block)?.[1];
    const low = /DW_AT_low_pc\s+\(0x([0-9a-f]+)\)/.exec(block)?.[1];
    const high = /DW_AT_high_pc\s+\(0x([0-9a-f]+)\)/.exec(block)?.[1];
    const ranges = [...(/DW_AT_ranges[\s\S]*?\)\)/.exec(block)?.[0] ?? '').matchAll(/\[0x(\w+), 0x(\w+)\)/g)];
    const location = /DW_AT_location\s+\(([\s\S]*?)\)\n(?=\s*(?:DW_AT|\n|$))/.exec(block)?.[1] ?? '';
    const list = [...location.matchAll(/\[0x(\w+), *0x(\w+)\)(?: ".*?")?: (DW_OP_\w+(?: [^,\n)]*)?)/g)];
    entries.set(parseInt(offset ?? '', 16), {
      tag: tag ?? '',
      name: /DW_AT_name\s+\("(.*)"\)/.exec(block)?.[1],
      type:
        // It names types without a name by their kind, and forgets to close arrays of pointers to functions.
        type === undefined || /(?:structure|union|enumeration) (?:\W|$)|\(\*\[\]$/.test(type)
          ? undefined
          : type.replace(/\s/g, '').replaceAll('(void)', '()'),
      line: Number(/DW_AT_decl_line\s+\((\d+)\)/.exec(block)?.[1]) || undefined,
      ranges:
        ranges.length > 0
          ? ranges.map(([, start, end]) => range(start, end))
          : low !== undefined && high !== undefined
            ? [range(low, high)]
            : [],
      locations:
        list.length > 0
          ? list
              .filter(([, start, end]) => start !== end)
              .map(([, start, end, operation]) => `${range(start, end)} ${comparable(operation)}`)
          : location.startsWith('DW_OP')
            ? [`always ${comparable(location.split(',')[0])}`]
            : [],
    });
  }
  return entries;
}

function comparable(operation = ''): string {
  return /^DW_OP_(lit|reg|addrx |piece )/.test(operation) ? operation.trim() : 'other';
}

function range(start: string | undefined, end: string | undefined): string {
  return `[${parseInt(start ?? '', 16)}, ${parseInt(end ?? '', 16)})`;
}
