import { expect, test } from 'vitest';
import { check } from '../../extension/core/c/assist/checks.ts';
import { completionsAt } from '../../extension/core/c/assist/completion.ts';
import { hoverAt } from '../../extension/core/c/assist/hover.ts';
import type { Knowledge } from '../../extension/core/c/assist/knowledge.ts';
import { signatureAt } from '../../extension/core/c/assist/signature.ts';
import { tokensOf } from '../../extension/core/c/assist/tokens.ts';
import { findCounters } from '../../extension/core/c/counters.ts';
import { scanSource } from '../../extension/core/c/source.ts';
import { XdpError } from '../../extension/core/errors.ts';
import { parseFilter } from '../../extension/core/maps/query/parse.ts';
import { readPasted } from '../../extension/core/packet/pasted.ts';
import { outlineTests } from '../../extension/core/packetTest/outline.ts';
import { parseTestFile } from '../../extension/core/packetTest/parseTestFile.ts';
import { parseJson } from '../../extension/session/maps/importedEntries.ts';
import { explainLog } from '../../extension/core/verifier/explain.ts';
import { StepLog } from '../../extension/core/verifier/steps/stepLog.ts';
import { bpf2goArguments } from '../../extension/toolchain/project/bpf2go.ts';
import { cmakeArguments } from '../../extension/toolchain/project/cmake.ts';
import { databaseEntry } from '../../extension/toolchain/project/database.ts';
import { splitCommand } from '../../extension/toolchain/project/flags.ts';
import { mesonArguments } from '../../extension/toolchain/project/meson.ts';

/**
 * Everything that reads a text of somebody else's, given a fifth of a megabyte of what makes a careless reader look at the same
 * text again and again: each takes some milliseconds. One that is quadratic takes minutes, and its test's time is over.
 */
const bytes = 200_000;

const beginning = 'SEC("xdp") int prog(struct xdp_md *ctx)\n{\n  int *v = bpf_map_lookup_elem(&m, &k);\n';
const log = 'func#0 @0\n0: R1=ctx() R10=fp0\n';

/** What is repeated. */
const pieces = [
  '{',
  '(',
  '[',
  '<',
  '"',
  "'",
  '\\',
  ' ',
  '\n',
  '\t',
  '/*',
  '/* *',
  '//',
  '#',
  '* ',
  '%',
  '|',
  '@',
  ':',
  ';',
  '. ',
  '- ',
  '+ ',
  'a',
  'a ',
  'a b ',
  'a=',
  'a;',
  'a,',
  'a:',
  '&a',
  'a->b',
  'a++',
  'a?b:',
  'value.a[',
  'x=y\n',
  '0x',
  '0x00 ',
  'aa:',
  '\\\n',
  '"\n',
  'struct ',
  'struct a {',
  'enum {a,',
  'typedef struct ',
  'SEC("',
  'SEC("xdp") int ',
  '__attribute__((',
  '__uint(type, ',
  'struct { __uint(type, BPF_MAP_TYPE_HASH); } m SEC(".maps");\n',
  '#define A(x) x\\\n',
  '#include <a\n',
  'atomic_add(',
  'bpf_map_lookup_elem(',
  '$(',
  '${',
  '$<',
  'set(',
  'set(a ',
  '#[[',
  '//go:generate ',
  '[1,',
  '{"a":',
  '"\\u00',
  'a && (',
  '!',
  'Ether()/',
  'Ether()\n',
  'Ether(',
  "b'",
  '00 ',
  '0000  00 ',
  'Ether()\n0000  00 ',
  '0: (61) r0 = *(u32 *)(r1 +4)\n',
  'R1=ctx() ',
  'R1=map_value(',
  '0: R1=scalar(umax=1,',
  'fp-8=',
  'frame1: R1=',
  'from 1 to 2: ',
  '; a @ b:1\n',
  'R1 type=',
  'invalid access ',
  'math between ',
];

function textsOf(piece: string): string[] {
  const repeated = piece.repeat(Math.ceil(bytes / piece.length));
  return [repeated, `${beginning}${repeated}\n}\n`, `${log}${repeated}\nprocessed 1 insns (limit 1000000)\n`];
}

const knowledge: Knowledge = { helpers: new Map(), headers: [], kernel: undefined, usesVmlinux: false };

const readers: Readonly<Record<string, (text: string) => unknown>> = {
  'the C scanner, and what an editor asks of it': (text) => {
    const source = scanSource(text);
    const end = text.length - 3;
    return [
      check(source, knowledge),
      tokensOf(source, knowledge),
      findCounters(source),
      completionsAt(source, knowledge, end),
      hoverAt(source, knowledge, end),
      signatureAt(source, knowledge, end),
    ];
  },
  'CMake files': (text) => cmakeArguments({ path: '/a/CMakeLists.txt', text, top: '/a' }),
  'Meson files': mesonArguments,
  'go:generate lines': (text) => bpf2goArguments(text, 'a.bpf.c'),
  'compile databases': (text) => databaseEntry(text, '/a/a.bpf.c'),
  'command lines': splitCommand,
  'filters of maps': parseFilter,
  'entries of maps as JSON': (text) => parseJson(text, 'x.json'),
  'packet test files': (text) => [parseTestFile(text), outlineTests(text)],
  'pasted packets': readPasted,
  "the verifier's logs": explainLog,
  "the verifier's steps": (text) => new StepLog(text),
};

test.each(Object.entries(readers))('%s', (_name, read) => {
  for (const text of pieces.flatMap(textsOf)) {
    try {
      read(text);
    } catch (error) {
      expect(error, JSON.stringify(text.slice(0, 40))).toBeInstanceOf(XdpError);
    }
  }
});

test.each([
  ['[', ']'],
  ['{"a":', '}'],
])('JSON of %s, as deep as it is long, is refused in words', (open, close) => {
  const nested = (depth: number): string => `${open.repeat(depth)}1${close.repeat(depth)}`;
  expect(parseJson(nested(150), 'x.json')).toEqual(JSON.parse(nested(150)));
  expect(() => parseJson(nested(bytes / 10), 'x.json')).toThrow(
    /^x\.json is no JSON: it nests deeper than 200 levels\.$/,
  );
});
