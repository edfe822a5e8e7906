import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listBytecode } from '../../extension/core/disassembly/bytecode.ts';
import { functionRecords, lineRecords } from '../../extension/core/disassembly/machine.ts';
import { listRewritten } from '../../extension/core/disassembly/rewritten.ts';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject } from '../../extension/protocol/kernel.ts';
import { KernelAccess } from '../../extension/session/kernelAccess.ts';
import { machineCodeOf } from '../../extension/session/disassembly/machine.ts';
import { disassembleMachineCode } from '../../extension/toolchain/machineCode.ts';
import { bundleCli } from '../support/cliBundle.ts';
import { bpftool, buildHelper, fixture, helper } from '../support/kernelHelper.ts';

/** What the kernel makes of programs, held against bpftool and two disassemblers. */

let client: HelperClient;
const elf = fixture('disassembly');
let loaded: LoadedObject;
beforeAll(async () => {
  client = await helper({ profile: 'code' });
  loaded = await client.call('object/load', { elf, name: 'disassembly', programs: ['prog'] });
});
afterAll(() => client.dispose());

const codeOf = () => client.call('program/code', { object: loaded.object, program: 'prog' });

function dumpXlated(): string {
  const id = String(loaded.programs[0]?.id);
  return execFileSync('bpftool', ['prog', 'dump', 'xlated', 'id', id, 'linum'], { encoding: 'utf8' });
}

/** Ours in bpftool's notation. */
function asBpftool(slot: number, text: string): string {
  return text
    .replace(/goto (\d+)$/, (_, target: string) => `goto pc${signed(Number(target) - slot - 1)}`)
    .replace(/ ll$/, '')
    .replace(/\((r\d+) ([+-]) (\d+)\)/, '($1 $2$3)');
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

/** bpftool writes some numbers in hexadecimal, and offsets into map values in another way. */
function plain(text: string): string {
  return text
    .replaceAll(/0x[0-9a-f]+/g, (hex) => String(BigInt.asIntN(hex.length <= 10 ? 32 : 64, BigInt(hex))))
    .replace(/(map\[id:\d+\])\[0\]\+(\d+)$/, '$1 + $2');
}

test('machine code is as long as bpftool says, and where the kernel says', async () => {
  const { functions, missing } = await codeOf();
  expect(missing).toBeUndefined();
  const shown = bpftool('prog', 'show', 'id', String(loaded.programs[0]?.id)) as { bytes_jited: number; tag: string };
  expect(functions.reduce((sum, { code }) => sum + code.length, 0)).toBe(shown.bytes_jited);
  const symbols = new Map(
    [...readFileSync('/proc/kallsyms', 'utf8').matchAll(/^([0-9a-f]+) t (bpf_prog_\S+)\t\[bpf\]$/gm)].map(
      ([, address, name]) => [BigInt(`0x${address}`), name ?? ''],
    ),
  );
  expect(functions.map(({ address }) => symbols.get(address)?.replace(/^bpf_prog_[0-9a-f]+_/, ''))).toEqual(
    functionRecords(await codeOf(), 'prog').map(({ name }) => name),
  );
});

test('rewritten bytecode and its lines read as bpftool prints them', async () => {
  const code = await codeOf();
  const base = await client.call('code/symbols', { addresses: [], names: ['__bpf_call_base'] });
  const functions = functionRecords(code, 'prog');
  const ours = listRewritten(code.xlated, {
    functions: functions.map(({ name }) => name),
    maps: new Map(),
    symbol: () => undefined,
    callBase: base.symbols[0]?.address,
  });
  const records = lineRecords(code);
  let place = '';
  let compared = 0;
  for (const line of dumpXlated().split('\n')) {
    const source = /^; (.*) \[file:(.*) line_num:(\d+) line_col:(\d+)\]$/.exec(line);
    if (source !== null) {
      // bpftool leaves out a record that names the same text as the one before.
      // What belongs to no line (0) counts to the line before.
      if (source[3] !== '0') place = `${source[2]?.split('/').at(-1)}:${source[3]}`;
      continue;
    }
    const insn = /^ *(\d+): \([0-9a-f]{2}\) (.*)$/.exec(line);
    if (insn === null) continue;
    const slot = Number(insn[1]);
    const mine = ours.find((each) => each.slot === slot);
    expect(mine, line).toBeDefined();
    const record = records.findLast((each) => each.slot <= slot)?.place;
    expect(`${record?.file.split('/').at(-1)}:${record?.line}`, line).toBe(place);
    const theirs = insn[2] ?? '';
    compared++;
    // Their calls name what is called in their own ways.
    if (theirs.startsWith('call')) expect(mine?.text).toMatch(/^call /);
    else expect(asBpftool(slot, mine?.text ?? ''), line).toBe(plain(theirs));
  }
  expect(compared).toBe(ours.length);
});

test('functions come in the order of the listing of the object', async () => {
  const listing = listBytecode(elf, parseObject(elf), 'prog');
  expect(functionRecords(await codeOf(), 'prog').map(({ name }) => name)).toEqual(
    listing.functions.map(({ name }) => name),
  );
});

test('two disassemblers come to the same instructions, at the same places', async () => {
  for (const { code, address } of (await codeOf()).functions) {
    const [llvm, gnu] = await Promise.all(
      ['llvm-objdump', 'objdump'].map((name) =>
        disassembleMachineCode({ path: execFileSync('which', [name], { encoding: 'utf8' }).trim() }, { code, address }),
      ),
    );
    expect(llvm?.length).toBeGreaterThan(3);
    expect(llvm?.map((each) => each.address)).toEqual(gnu?.map((each) => each.address));
    expect(llvm?.[0]?.address).toBe(address);
  }
});

test('a listing holds every instruction once, by line, with calls by the kernel’s names', async () => {
  const kernel = new KernelAccess({ helperPath: await buildHelper(), execPath: process.execPath, elevation: 'none' });
  try {
    const spec = parseObject(elf);
    const object = { file: 'disassembly.bpf.o', name: 'disassembly', elf, spec, compiled: undefined };
    const whole = await machineCodeOf(kernel, { kind: 'file', object, program: 'prog' });
    const loadedToo = await machineCodeOf(kernel, { kind: 'loaded', id: loaded.programs[0]?.id ?? 0 });
    for (const { listing, bytes, remarks } of [whole, loadedToo]) {
      expect(remarks).toEqual([]);
      expect(listing.program).toBe('prog');
      expect(bytes).toBeGreaterThan(100);
      const blocks = listing.functions.flatMap((fn) => fn.blocks);
      const slots = blocks.flatMap(({ bytecode }) => bytecode.map(({ slot }) => slot));
      expect(slots).toEqual([...new Set(slots)].sort((a, b) => a - b));
      for (const fn of listing.functions) {
        const offsets = fn.blocks.flatMap(({ machine }) => machine.map(({ offset }) => offset));
        expect(offsets[0]).toBe(0);
        expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
        expect(offsets.at(-1)).toBeLessThan(fn.bytes);
      }
      const lookup = blocks.find(({ source }) => source.includes('bpf_map_update_elem'));
      expect(lookup?.bytecode.map(({ text }) => text).join('\n')).toMatch(/= seen ll[^]*call htab_map_update_elem/);
      const calls = blocks.filter(({ source }) => source.includes('other(middle(key))'));
      expect(calls.flatMap(({ bytecode }) => bytecode.map(({ text }) => text)).join('\n')).toMatch(
        /call middle[^]*call other/,
      );
      expect(lookup?.machine.map(({ text }) => text).join('\n')).toMatch(/call.* <htab_map_update_elem>/);
    }
  } finally {
    await kernel.dispose();
  }
});

test('a helper without CAP_SYSLOG says that the machine code is hidden, unless the machine shows it to all', async () => {
  const own = await helper();
  try {
    const object = await own.call('object/load', { elf, name: 'disassembly', programs: ['prog'] });
    const { functions, missing, xlated } = await own.call('program/code', { object: object.object, program: 'prog' });
    const read = (name: string): number => Number(readFileSync(`/proc/sys/kernel/${name}`, 'utf8'));
    // kernel/kallsyms.c, kallsyms_show_value().
    const shown = read('kptr_restrict') === 0 && read('perf_event_paranoid') <= 1;
    expect(missing).toBe(shown ? undefined : 'hidden');
    expect(functions.length > 0).toBe(shown);
    expect(xlated.length).toBeGreaterThan(0);
    expect(own.hello.capabilities).not.toContain('CAP_SYSLOG');
    expect(client.hello.capabilities.toSorted()).toEqual(
      ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_SYSLOG', 'CAP_SYS_ADMIN'].toSorted(),
    );
  } finally {
    await own.dispose();
  }
});

test('xdp disasm: bytecode, counts of the tests beside a source, and machine code', { timeout: 120_000 }, async () => {
  const cli = await bundleCli('disasm');
  try {
    const source = join(import.meta.dirname, '../../bpf/examples/firewall/xdp_firewall.bpf.c');
    const plain = cli.run(['disasm', source, '--tests']);
    expect(plain).toMatchObject({ status: 0, json: { program: 'xdp_firewall', section: 'xdp' } });
    const instructions = plain.json['instructions'] as {
      slot: number;
      text: string;
      count: number;
      line: number | null;
    }[];
    expect(instructions[0]).toMatchObject({ slot: 0, count: expect.any(Number), line: expect.any(Number) });
    const machine = cli.run(['disasm', source, '--machine']);
    expect(machine).toMatchObject({ status: 0, json: { program: 'xdp_firewall', remarks: [] } });
    expect(machine.json['machineBytes']).toBeGreaterThan(100);
    const id = String(loaded.programs[0]?.id);
    expect(cli.text(['disasm', '--id', id])).toMatch(/^; program \d+: as this kernel runs it, \d+ bytes[^]*\nleaf:\n/);
    expect(cli.run(['disasm', source, '--id', id]).status).toBe(2);
    expect(cli.run(['disasm', '--id', '4294967295'])).toMatchObject({
      status: 2,
      json: { error: { code: 'program-not-found' } },
    });
  } finally {
    cli.remove();
  }
});
