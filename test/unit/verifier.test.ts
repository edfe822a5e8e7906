import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { locateInsn } from '../../extension/core/verifier/locate.ts';
import { type LogSummary, summarize } from '../../extension/core/verifier/log.ts';
import { askTool, compileBpf, fixtureDir, seeded } from '../support/bpfFixture.ts';

/** Logs of Linux 6.18 at log level 2 for the program beside each, compiled with clang 14 -O2 -g. */
const read = (file: string): string => readFileSync(`${fixtureDir}verifier/${file}`, 'utf8');

const rejected: [string, string, LogSummary][] = [
  [
    'packetBounds',
    'packet_bounds',
    {
      message: 'R1 offset is outside of the packet',
      insn: 6,
      line: 18,
      source: 'if (ip->protocol == 17)',
      processed: 7,
      stackBytes: 0,
    },
  ],
  [
    'mapNull',
    'map_null',
    {
      message: "R0 invalid mem access 'map_value_or_null'",
      insn: 7,
      line: 21,
      source: '*value += 1;',
      processed: 7,
      stackBytes: 8,
    },
  ],
  [
    'mapIndex',
    'table_index',
    {
      message: 'R0 unbounded memory access, make sure to bounds check any such access',
      insn: 13,
      line: 23,
      source: 'return row[ctx->rx_queue_index];',
      processed: 13,
      stackBytes: 8,
    },
  ],
  [
    'endlessLoop',
    'endless_loop',
    {
      message: 'infinite loop detected at insn 5',
      insn: 5,
      line: 14,
      source: 'sum += ctx->rx_queue_index;',
      processed: 19,
      stackBytes: 8,
    },
  ],
  [
    'globalFunction',
    'global_function',
    {
      message: "R2 invalid mem access 'mem_or_null'",
      insn: 10,
      line: 12,
      source: 'return words[1];',
      processed: 10,
      stackBytes: 8,
    },
  ],
  [
    'wrongHelper',
    'wrong_helper',
    {
      message: 'program of this type cannot use helper bpf_skb_pull_data#39',
      insn: 1,
      line: 11,
      source: 'return bpf_skb_pull_data((void *)ctx, 64);',
      processed: 2,
      stackBytes: 0,
    },
  ],
  [
    'notGpl',
    'not_gpl',
    {
      message: 'cannot call GPL-restricted function from non-GPL compatible program',
      insn: 6,
      line: 13,
      source: 'bpf_trace_printk(text, sizeof(text));',
      processed: 6,
      stackBytes: 8,
    },
  ],
  [
    'uninitialised',
    'uninitialised',
    {
      message: 'R7 !read_ok',
      insn: 0,
      line: 13,
      source: 'asm volatile("%0 = r7" : "=r"(result));',
      processed: 1,
      stackBytes: 0,
    },
  ],
  [
    'unreleased',
    'unreleased',
    {
      message: 'BPF_EXIT instruction in main prog would lead to reference leak',
      insn: 10,
      line: 22,
      source: '}',
      processed: 10,
      stackBytes: 0,
    },
  ],
  [
    'wrongReturn',
    'wrong_return',
    {
      message: 'At program exit the register R0 has smin=7 smax=7 should have been in [0, 1]',
      insn: 1,
      line: 11,
      source: 'return 7;',
      processed: 2,
      stackBytes: 0,
    },
  ],
];

/** States and stack as the log's last lines have them, read in another way. kernel/bpf/verifier.c, print_verification_stats(). */
function figures(log: string): { states?: number; stack?: number[] } {
  const states = /total_states (\d+)/.exec(log)?.[1];
  const stack = /^stack depth ([\d+]+)/m.exec(log)?.[1];
  return {
    ...(states === undefined ? {} : { states: Number(states) }),
    ...(stack === undefined ? {} : { stack: stack.split('+').map(Number) }),
  };
}

test.each(rejected)('%s: the last words, their instruction and their line', (fixture, program, expected) => {
  const log = read(`${fixture}.log`);
  const file = `${fixture}.bpf.c`;
  expect(summarize(log)).toEqual({ ...expected, ...figures(log), file });
  // The object says the same about that instruction, and adds the column.
  const place = locateInsn(compileBpf(read(file)), program, expected.insn ?? -1);
  expect(place?.line).toBe(expected.line);
  const text = read(file).split('\n')[(place?.line ?? 0) - 1] ?? '';
  expect(text.slice((place?.column ?? 0) - 1)).not.toMatch(/^\s|^$/);
});

test('messages about the whole program or code that was never reached have no line', () => {
  expect(summarize(read('stackDepth.log'))).toEqual({
    message: 'combined stack size of 2 calls is 608. Too large',
    processed: 23,
    stackBytes: 608,
    ...figures(read('stackDepth.log')),
  });
  expect(summarize(read('unreachable.log'))).toEqual({
    message: 'unreachable insn 2',
    insn: 2,
    processed: 0,
    stackBytes: 0,
    ...figures(read('unreachable.log')),
  });
  // kernel/bpf/verifier.c, do_check()
  const tooLarge =
    '; for (;;) @ a.bpf.c:3\n7: (05) goto pc-3\nBPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns (limit 1000000) max_states_per_insn 4\n';
  expect(summarize(tooLarge)).toEqual({
    message: 'BPF program is too large. Processed 1000001 insn',
    processed: 1000001,
  });
});

test('an accepted program has figures and no message, at every log level', () => {
  const log = read('accepted.log');
  const accepted = { message: '', processed: 13, stackBytes: 8, states: 1, stack: [8] };
  expect(summarize(log)).toEqual(accepted);
  expect(summarize(log.slice(log.indexOf('verification time')))).toEqual(accepted);
  expect(summarize(read('subprograms.log'))).toEqual({
    message: '',
    processed: 32,
    stackBytes: 24,
    ...figures(read('subprograms.log')),
  });
  expect(summarize('')).toEqual({ message: '' });
});

test('a log inside the output of libbpf is found', () => {
  const wrapped = `libbpf: loading x.o\nlibbpf: prog 'p': BPF program load failed: Permission denied\nlibbpf: prog 'p': -- BEGIN PROG LOAD LOG --\n${read('mapNull.log')}-- END PROG LOAD LOG --\nlibbpf: prog 'p': failed to load: -13\nError: failed to load object file\n`;
  expect(summarize(wrapped)).toEqual(summarize(read('mapNull.log')));
});

test('before 6.9 annotations hold the text of the line only', () => {
  const old = read('packetBounds.log').replace(/ @ \S+:\d+$/gm, '');
  const summary = summarize(old);
  expect(summary).toMatchObject({
    message: 'R1 offset is outside of the packet',
    insn: 6,
    source: 'if (ip->protocol == 17)',
  });
  expect(summary.line).toBeUndefined();
  expect(summary.file).toBeUndefined();
});

test('cut and mixed-up logs give an answer', () => {
  const log = read('endlessLoop.log');
  const lines = log.split('\n');
  const random = seeded(3);
  for (let round = 0; round < 300; round++) {
    expect(typeof summarize(log.slice(random(log.length), random(log.length))).message).toBe('string');
    expect(typeof summarize(Array.from({ length: 40 }, () => lines[random(lines.length)]).join('\n')).message).toBe(
      'string',
    );
  }
  summarize(`;${' @ '.repeat(200_000)}`);
});

test('instructions of subprograms are where the kernel says: libbpf appends them in the order of the calls', () => {
  const object = compileBpf(read('subprograms.bpf.c'));
  const main = parseObject(object).programs.find((program) => program.name === 'main_program');
  let line = 0;
  const told: [number, number][] = [];
  for (const text of read('subprograms.log').split('\n')) {
    const note = /^; .* @ subprograms\.bpf\.c:(\d+)$/.exec(text);
    const step = /^(\d+): \([0-9a-f]{2}\)/.exec(text);
    if (note !== null) line = Number(note[1]);
    // The kernel notes the line once, before the first of its instructions.
    else if (step !== null && line !== 0) {
      told.push([Number(step[1]), line]);
      line = 0;
    }
  }
  expect(told.map(([insn]) => [insn, locateInsn(object, 'main_program', insn)?.line])).toEqual(told);
  expect(told.filter(([insn]) => insn >= (main?.insns ?? 0)).length).toBeGreaterThan(5);
  expect(locateInsn(object, 'nobody', 0)).toBeUndefined();
  expect(locateInsn(object, 'main_program', -1)).toBeUndefined();
  expect(locateInsn(object, 'main_program', 1000)).toBeUndefined();
  expect(locateInsn(compileBpf(read('subprograms.bpf.c'), { flags: ['-O2'] }), 'main_program', 0)).toBeUndefined();
});

test('the line of every instruction is what llvm-objdump prints', () => {
  const object = compileBpf(read('subprograms.bpf.c'));
  const dump = askTool('llvm-objdump', ['-d', '-l', '--section=xdp', '@'], object);
  const part = dump.slice(dump.indexOf('<main_program>:'));
  const start = Number(/^ +(\d+):/m.exec(part)?.[1]);
  let line = 0;
  let compared = 0;
  for (const text of part.split('\n')) {
    const source = /fixture\.bpf\.c:(\d+)/.exec(text);
    const insn = /^ +(\d+):\t/.exec(text);
    if (source !== null) line = Number(source[1]);
    else if (insn !== null && line !== 0) {
      expect([insn[1], locateInsn(object, 'main_program', Number(insn[1]) - start)?.line]).toEqual([insn[1], line]);
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(5);
});
