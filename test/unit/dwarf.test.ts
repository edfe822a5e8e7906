import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DebugInfo, readDebugInfo } from '../../extension/core/dwarf/debugInfo.ts';
import { readLineProgram } from '../../extension/core/dwarf/lineTable.ts';
import { locationsOf, rangesOf } from '../../extension/core/dwarf/lists.ts';
import { at, tag } from '../../extension/core/dwarf/numbers.ts';
import { dwarfSections, objectPlace } from '../../extension/core/dwarf/sections.ts';
import { TypeTable, typeText } from '../../extension/core/dwarf/types.ts';
import { numberOf, readUnits, textOf } from '../../extension/core/dwarf/units.ts';
import { readElf } from '../../extension/core/elf/readElf.ts';
import { XdpError } from '../../extension/core/errors.ts';
import { compileSourceWith, dwarfdump } from '../support/dwarfdump.ts';
import { clangs } from '../support/toolchain.ts';

const sources = [
  'test/fixtures/bpf/debugShapes.bpf.c',
  'bpf/examples/firewall/xdp_firewall.bpf.c',
  'bpf/examples/vlan/xdp_vlan_pop.bpf.c',
  'bpf/examples/tail_call/xdp_tail_call.bpf.c',
];
const builds = ['-O2', '-O0'].flatMap((level) => ['-gdwarf-4', '-gdwarf-5'].map((version) => [level, version]));

/** What our reader makes of an object, in the words of llvm-dwarfdump; only the entries that a debugger asks for. */
function ours(elf: Uint8Array): { entries: Map<number, unknown>; lines: unknown[] } {
  const { units, dies } = readUnits(dwarfSections(readElf(elf)));
  const types = new TypeTable(dies);
  const entries = new Map<number, unknown>();
  const names = new Map<number, string>(Object.values(tag).map((number) => [number, tagName(number)]));
  for (const die of dies.values()) {
    entries.set(die.offset, {
      tag: names.get(die.tag) ?? '',
      name: textOf(die, at.name),
      type: die.attributes.has(at.type) ? plain(typeText(types.typeOf(die))) : undefined,
      line: numberOf(die, at.declLine),
      ranges: rangesOf(die).map(({ start, end }) => span(start, end)),
      locations: locationsOf(die).map(
        ({ range, expression }) =>
          `${range === undefined ? 'always' : span(range.start, range.end)} ${firstOperation(expression)}`,
      ),
    });
  }
  const rows = units.flatMap(({ root }) => (root === undefined ? [] : readLineProgram(root).rows));
  const lines = rows.map((row) => ({
    address: objectPlace(row.address).offset,
    line: row.line,
    column: row.column,
    flags: [
      ...(row.isStatement ? ['is_stmt'] : []),
      ...(row.prologueEnd ? ['prologue_end'] : []),
      ...(row.endSequence ? ['end_sequence'] : []),
    ].join(' '),
  }));
  return { entries, lines };
}

function tagName(number: number): string {
  const [name = ''] = Object.entries(tag).find(([, value]) => value === number) ?? [];
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function span(start: number, end: number): string {
  return `[${objectPlace(start).offset}, ${objectPlace(end).offset})`;
}

/** As llvm-dwarfdump writes types; undefined where one without a name is in it. */
function plain(type: string): string | undefined {
  if (type.includes('{…}')) return undefined;
  return type
    .replace(/\b(struct|union|enum) /g, '')
    .replace(/\s/g, '')
    .replaceAll('(void)', '()');
}

function firstOperation(expression: Uint8Array): string {
  const op = expression[0] ?? 0;
  const operand = (expression[1] ?? 0).toString(16);
  if (op >= 0x30 && op <= 0x4f) return `DW_OP_lit${op - 0x30}`;
  if (op >= 0x50 && op <= 0x5b) return `DW_OP_reg${op - 0x50} W${op - 0x50}`;
  if (op === 0xa1) return `DW_OP_addrx 0x${operand}`;
  return op === 0x93 ? `DW_OP_piece 0x${operand}` : 'other';
}

for (const clang of clangs) {
  test(`lines, entries, types, ranges and locations are those of llvm-dwarfdump: ${clang}`, () => {
    let rows = 0;
    let places = 0;
    for (const source of sources) {
      for (const flags of builds) {
        const elf = compileSourceWith(clang, source, flags);
        if (elf === undefined) continue;
        const expected = dwarfdump(elf);
        const own = ours(elf);
        const what = `${source} ${flags.join(' ')}`;
        expect(own.lines, what).toEqual(expected.lines);
        rows += own.lines.length;
        expect([...own.entries.keys()], what).toEqual([...expected.entries.keys()]);
        for (const [offset, entry] of expected.entries) {
          const mine = own.entries.get(offset) as typeof entry;
          if (mine.tag === '') continue;
          if (entry.type === undefined) mine.type = undefined;
          expect(mine, `${what} at 0x${offset.toString(16)}`).toEqual(entry);
          places += entry.locations.length;
        }
      }
    }
    expect(rows).toBeGreaterThan(1000);
    expect(places).toBeGreaterThan(300);
  });
}

test('a line belongs to the functions around it, the inlined ones too', () => {
  const info = new DebugInfo(readElf(compileSourceWith('clang', sources[0] ?? '', ['-O2']) ?? new Uint8Array(0)));
  const text = readFileSync(join(import.meta.dirname, '../..', sources[0] ?? ''), 'utf8').split('\n');
  const line = text.findIndex((each) => each.includes('bpf_ntohs(eth->h_proto)')) + 1;
  const span = info.lines.find((each) => each.line === line);
  const scopes = info.scopesAt(span?.address ?? 0).filter(({ kind }) => kind !== 'block');
  expect(scopes.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['function debug_shapes', 'inlined protocol_of']);
  const call = text.findIndex((each) => each.includes('protocol = protocol_of(eth)')) + 1;
  expect(scopes[1]?.call?.line).toBe(call);
});

test('damaged debug information is an error, never a crash', () => {
  const elf = compileSourceWith('clang', sources[0] ?? '', ['-O2', '-gdwarf-5']) ?? new Uint8Array(0);
  const file = readElf(elf);
  const debug = file.sections.filter(
    ({ name, size }) => /^\.debug_(info|abbrev|line|loclists|rnglists|addr)$/.test(name) && size > 0,
  );
  expect(debug.length).toBeGreaterThan(4);
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state % below;
  };
  let refused = 0;
  for (let round = 0; round < 600; round++) {
    const broken = elf.slice();
    for (let change = 0; change <= random(4); change++) {
      const section = debug[random(debug.length)]!;
      broken[section.offset + random(section.size)] = random(256);
    }
    try {
      const info = readDebugInfo(readElf(broken));
      for (const { address } of info?.lines ?? []) info?.scopesAt(address);
    } catch (error) {
      if (!(error instanceof XdpError)) throw error;
      expect(error.code).toBe('object-damaged');
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(100);
});
