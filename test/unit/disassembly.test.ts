import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type BytecodeListing, listBytecode } from '../../extension/core/disassembly/bytecode.ts';
import { listRewritten } from '../../extension/core/disassembly/rewritten.ts';
import { bytecodeRows } from '../../extension/core/disassembly/rows.ts';
import { readElf } from '../../extension/core/elf/readElf.ts';
import { XdpError } from '../../extension/core/errors.ts';
import { functionsOf } from '../../extension/core/object/programs.ts';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { objectLines, partsOf } from '../../extension/core/verifier/locate.ts';
import { askTool } from '../support/bpfFixture.ts';
import { countTests, testFilesOf } from '../../extension/session/disassembly/runCounts.ts';
import { findDisassembler } from '../../extension/toolchain/machineCode.ts';
import { compileSourceWith } from '../support/dwarfdump.ts';
import { bundledInclude, clangs, repository } from '../support/toolchain.ts';

const source = 'test/fixtures/bpf/disassembly.bpf.c';

function compiled(clang: string, file = source): Uint8Array {
  const bytes = compileSourceWith(clang, file, ['-O2']);
  if (bytes === undefined) throw new Error(`${clang} does not compile ${file}`);
  return new Uint8Array(bytes);
}

function list(elf: Uint8Array, program: string): BytecodeListing {
  return listBytecode(elf, parseObject(elf), program);
}

/** By section: the relocations that llvm-objdump tells, of LLVM 17 or newer for those of CO-RE. */
function relocationsOf(elf: Uint8Array): Map<string, { offset: number; kind: string; what: string }[]> {
  const result = new Map<string, { offset: number; kind: string; what: string }[]>();
  for (const part of askTool('llvm-objdump-19', ['-dr', '@'], elf).split('Disassembly of section ').slice(1)) {
    const section = part.slice(0, part.indexOf(':\n'));
    const found = [
      ...part.matchAll(/^\t\t([0-9a-f]{16}): {2}(R_BPF_\w+|CO-RE <\w+>)\t?(?: \[\d+\])?\s*(.*?)(?: \([\d:]+\))?$/gm),
    ];
    result.set(
      section,
      found.map(([, offset = '', kind = '', what = '']) => ({ offset: Number.parseInt(offset, 16), kind, what })),
    );
  }
  return result;
}

/** How we say what llvm-objdump names by a tag. */
const questions: Readonly<Record<string, string>> = {
  '<byte_off>': 'offset of',
  '<byte_sz>': 'size of',
  '<field_exists>': '1 if the kernel has',
  '<signed>': '1 if signed:',
  '<lshift_u64>': 'shift to the left for',
  '<rshift_u64>': 'shift to the right for',
  '<local_type_id>': 'this object’s type id of',
  '<type_size>': 'size of',
  '<enumval_value>': 'value of',
};

test.each(clangs)('relocations are said in words, as llvm-objdump finds them: %s', (clang) => {
  const elf = compiled(clang);
  const relocations = relocationsOf(elf);
  let core = 0;
  let others = 0;
  for (const name of ['core', 'prog']) {
    const listing = list(elf, name);
    const functions = new Map(functionsOf(readElf(elf)).map((each) => [each.name, each]));
    for (const fn of listing.functions) {
      const place = functions.get(fn.name);
      if (place === undefined) throw new Error(`no function ${fn.name}`);
      for (const { offset, kind, what } of relocations.get(place.section.name) ?? []) {
        if (offset < place.offset || offset >= place.offset + place.size) continue;
        const slot = fn.start + (offset - place.offset) / 8;
        const insn = listing.instructions.find((each) => each.slot === slot);
        const where = `${fn.name} ${slot}: ${insn?.text} ; ${insn?.note}`;
        if (kind.startsWith('CO-RE')) {
          core++;
          const [subject = '', value] = what.replace('::', '.').split(' = ');
          const question = questions[kind.slice('CO-RE '.length)];
          expect(question, kind).toBeDefined();
          if (value === undefined) expect(insn?.note, where).toBe(`CO-RE: ${question} ${subject}`);
          // An enumerator: `enum e::E_TWO = 2`.
          else
            expect(insn?.note, where).toBe(`CO-RE: ${question} ${subject.split('.')[1]} of ${subject.split('.')[0]}`);
        } else if (!what.startsWith('.')) {
          others++;
          expect(insn?.text, where).toMatch(new RegExp(`[ ]${what}\\b`));
        }
      }
    }
  }
  expect(core).toBeGreaterThan(8);
  expect(others).toBeGreaterThan(4);
});

test('functions stand in the order in which libbpf appends them', () => {
  const elf = compiled(clangs[0] ?? 'clang');
  const parts = partsOf(objectLines(elf), 'prog').map((part) => part.name);
  expect(parts).toHaveLength(4);
  expect(list(elf, 'prog').functions.map((fn) => fn.name)).toEqual(parts);
});

test('static data is found behind its section, and labels stand where jumps lead', () => {
  const listing = list(compiled(clangs[0] ?? 'clang'), 'prog');
  const rows = bytecodeRows(listing, ['head']).map(({ text }) => text);
  expect(rows[0]).toBe('; head');
  expect(rows).toContain('leaf:');
  expect(rows.find((row) => row.includes(' hidden ll'))).toMatch(
    /^ +\d+: r\d = hidden ll +; global data, \.bss \+ \d+$/,
  );
  for (const row of rows) {
    const label = /goto (\w+)/.exec(row)?.[1];
    if (label !== undefined) expect(rows).toContain(`  ${label}:`);
  }
});

test('every row under a C line belongs to it, and counts stand in a column', () => {
  const listing = list(compiled(clangs[0] ?? 'clang'), 'prog');
  const last = listing.instructions.at(-1)?.slot ?? 0;
  const counts = Float64Array.from({ length: last + 1 }, (_, slot) => (slot === 0 ? 12_345 : slot));
  const rows = bytecodeRows(listing, [], { origin: 'counted here', counts });
  expect(rows[0]?.text).toBe('; counted here');
  expect(rows.find(({ text }) => text.includes(' 0: '))?.text).toMatch(/^ {4}12,345x +0: /);
  let line: string | undefined;
  for (const { text, place } of rows) {
    if (text.startsWith('; ') && place !== undefined) line = `${place.file.split('/').at(-1)}:${place.line}`;
    else if (text.startsWith(' ')) expect(`${place?.file.split('/').at(-1)}:${place?.line}`, text).toBe(line);
  }
});

test('hostile names and lines stay on their row', () => {
  const listing = list(compiled(clangs[0] ?? 'clang'), 'prog');
  const [first] = listing.instructions;
  if (first?.place === undefined) throw new Error('the first instruction has no line');
  const place = { ...first.place, file: 'a\nb.c' };
  const texts = new Map([[`${place.line}:a\nb.c`, 'int x;\n\u2028}; // \u0000']]);
  const rows = bytecodeRows({ ...listing, texts, instructions: [{ ...first, place, note: 'x\ny' }] }, []);
  for (const { text } of rows) expect(text.replaceAll(/[\n\u2028]|\p{Cc}/gu, '')).toBe(text);
});

test('a program that is not there is named with those that are', () => {
  expect(() => list(compiled(clangs[0] ?? 'clang'), 'nothing')).toThrowError(
    expect.objectContaining({ code: 'program-not-found', fix: 'It has: core, prog.' }),
  );
});

test('packet tests beside a source count its instructions, by the slots of its listing', async () => {
  const file = `${repository}/bpf/examples/firewall/xdp_firewall.bpf.c`;
  const elf = compiled(clangs[0] ?? 'clang', 'bpf/examples/firewall/xdp_firewall.bpf.c');
  const object = { file, name: 'xdp_firewall', elf, spec: parseObject(elf), compiled: undefined };
  const files = await testFilesOf(file);
  expect(files.map((each) => each.split('/').at(-1))).toEqual(['xdp_firewall.xdptest.json']);
  const runs = await countTests(object, 'xdp_firewall', files, { bundledInclude });
  const listing = listBytecode(elf, object.spec, 'xdp_firewall');
  const { tests } = JSON.parse(readFileSync(files[0] ?? '', 'utf8')) as { tests: { packets?: unknown[] }[] };
  const packets = tests.reduce((sum, each) => sum + (each.packets?.length ?? 1), 0);
  expect(runs?.tests).toBe(tests.length);
  // Every packet enters and leaves once.
  expect(runs?.counts[0]).toBe(packets);
  const exits = listing.instructions.filter(({ text }) => text === 'exit');
  expect(exits.reduce((sum, { slot }) => sum + (runs?.counts[slot] ?? 0), 0)).toBe(packets);
  expect(runs?.counts.length).toBe((listing.instructions.at(-1)?.slot ?? 0) + 1);
  expect(await countTests(object, 'nothing', files, { bundledInclude })).toBeUndefined();
});

test('a disassembler is found beside the compiler, and its absence says what to install', async () => {
  const found = await findDisassembler();
  expect(found.path).toMatch(/objdump/);
  await expect(findDisassembler({ env: { PATH: '/nonexistent' } })).rejects.toMatchObject({ code: 'environment' });
});

test('what the verifier puts into a program reads as its own log writes it', () => {
  const insn = (op: number, registers: number, offset: number, imm: number): number[] => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt8(op, 0);
    bytes.writeUInt8(registers, 1);
    bytes.writeInt16LE(offset, 2);
    bytes.writeInt32LE(imm, 4);
    return [...bytes];
  };
  const code = [
    ...insn(0x18, 0x11, 0, 7), // ld_imm64 of the map with id 7
    ...insn(0, 0, 0, 0),
    ...insn(0xbf, 0x00, -1, 0), // the address of this CPU's value
    ...insn(0xc2, 0, 0, 0), // a barrier against speculation
    ...insn(0x61, 0x12, 4, 0),
    ...insn(0x85, 0x10, -5, 1), // a call of the second function
    ...insn(0x85, 0, 0, 256), // of what is 256 bytes behind __bpf_call_base
    ...insn(0x85, 0, 0, 12),
    ...insn(0x95, 0, 0, 0),
  ];
  const names = {
    functions: ['prog', 'leaf'],
    maps: new Map([[7, 'hits']]),
    callBase: 0xffffffff81000000n,
    symbol: (address: bigint) => (address === 0xffffffff81000100n ? 'htab_map_lookup_elem' : undefined),
  };
  expect(listRewritten(Uint8Array.from(code), names).map(({ slot, text }) => `${slot}: ${text}`)).toEqual([
    '0: r1 = hits ll',
    '2: r0 = &(void __percpu *)(r0)',
    '3: nospec',
    '4: r2 = *(u32 *)(r1 + 4)',
    '5: call leaf',
    '6: call htab_map_lookup_elem',
    '7: call bpf_tail_call',
    '8: exit',
  ]);
});

test('damaged objects: a listing or an XdpError', () => {
  const elf = compiled(clangs[0] ?? 'clang');
  // A fixed sequence: xorshift, so that a failure can be repeated.
  let state = 0x2545f491;
  const random = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  let listed = 0;
  for (let run = 0; run < 600; run++) {
    const damaged = elf.slice();
    for (let changes = 1 + random(4); changes > 0; changes--) damaged[random(damaged.length)] = random(256);
    try {
      const listing = list(damaged, run % 2 === 0 ? 'prog' : 'core');
      expect(bytecodeRows(listing, ['head']).length).toBeGreaterThan(listing.instructions.length);
      listed++;
    } catch (error) {
      expect(error).toBeInstanceOf(XdpError);
    }
  }
  expect(listed).toBeGreaterThan(50);
});
