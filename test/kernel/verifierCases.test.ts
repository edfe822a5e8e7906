import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { BpfObject } from '../../extension/session/bpfObject.ts';
import { explainText, type Verdict, verifyObject } from '../../extension/session/verify.ts';
import { verifierFixes } from '../../extension/core/verifier/fixes/fixes.ts';
import { applyFix } from '../../extension/core/verifier/fixes/edits.ts';
import { compileBpf, fixtureDir } from '../support/bpfFixture.ts';
import { helper } from '../support/kernelHelper.ts';
import { type Case, casesOf } from '../support/verifierCases.ts';

/** Programs that fail, each loaded for real: the failure must stand where the marker in the source says, with its code. */

const folder = join(fixtureDir, 'verifier/cases');

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

const files = readdirSync(folder).filter((name) => name.endsWith('.bpf.c'));

test.each(files)('%s', async (file) => {
  const source = readFileSync(join(folder, file), 'utf8');
  const elf = compileBpf(source, { flags: ['-g', '-O2', `-I${folder}`] });
  const spec = parseObject(elf);
  const verdicts = await verifyObject(client, { file, name: 'cases', elf, spec, compiled: undefined });
  const cases = casesOf(source);
  expect(cases.map((each) => each.program).toSorted()).toEqual(spec.programs.map((each) => each.name).toSorted());
  const found = verdicts.map((verdict) => describe(cases, verdict, source));
  expect(found).toEqual(verdicts.map(({ name }) => expected(cases.find((each) => each.program === name))));
});

/** A quick fix that is offered cures: the program loads with it. The snapshot says which failures have one. */
test.each(files)('what a quick fix makes of %s loads', async (file) => {
  const source = readFileSync(join(folder, file), 'utf8');
  const flags = ['-g', '-O2', `-I${folder}`];
  const name = 'cases';
  const load = async (text: string): Promise<Verdict[]> => {
    const elf = compileBpf(text, { flags });
    return await verifyObject(client, { file, name, elf, spec: parseObject(elf), compiled: undefined });
  };
  const verdicts = await load(source);
  const outcomes: string[] = [];
  for (const { name: program, failure } of verdicts) {
    if (failure === undefined || failure.line === null || failure.column === null) continue;
    const { line, column } = failure;
    for (const fix of verifierFixes(source, { ...failure, line, column })) {
      const fixed = (await load(applyFix(source, fix))).find((each) => each.name === program);
      outcomes.push(`${program}: ${fix.title}: ${fixed?.verdict}${fixed?.failure ? ` ${fixed.failure.message}` : ''}`);
    }
  }
  expect(outcomes.filter((each) => !each.endsWith(': accepted'))).toEqual([]);
  expect(outcomes).toMatchSnapshot();
});

/**
 * Who has no CAP_PERFMON, and every kernel before 6.4, may not hand memory of the stack to a helper that was never written. libbpf's loader
 * is bpftool here, since our helper always has the capability.
 */
test('an uninitialised variable on the stack is initialised, and then loads without CAP_PERFMON', () => {
  const program = (declaration: string): string => `#include "cases.h"
struct flow { __u8 kind; __u32 id; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, struct flow); __type(value, __u64); } flows SEC(".maps");
SEC("xdp")
int prog(struct xdp_md *ctx)
{
	${declaration};

	key.kind = 1;
	key.id = ctx->rx_queue_index;
	return bpf_map_lookup_elem(&flows, &key) ? XDP_DROP : XDP_PASS;
}
char _license[] SEC("license") = "GPL";
`;
  const text = program('struct flow key');
  const refused = loadWithoutPerfmon(text);
  expect(refused).toContain('invalid');
  const [explained] = explainText(refused, objectOf(text));
  expect(explained).toMatchObject({ code: 'uninitialised-stack', line: 11 });
  const { line, column } = { line: explained?.line ?? 0, column: explained?.column ?? 0 };
  const [fix] = verifierFixes(text, {
    code: 'uninitialised-stack',
    line,
    column,
    expression: explained?.expression ?? '',
  });
  expect(fix?.title).toBe('Initialise `key`');
  const cured = fix === undefined ? '' : applyFix(text, fix);
  expect(cured).toBe(program('struct flow key = {}'));
  expect(loadWithoutPerfmon(cured)).toBe('');
});

function objectOf(text: string): BpfObject {
  const elf = compileBpf(text, { flags: ['-g', '-O2', `-I${folder}`] });
  return { file: 'cases', name: 'cases', elf, spec: parseObject(elf), compiled: undefined };
}

/** What the verifier says; '' when the program loads. */
function loadWithoutPerfmon(text: string): string {
  const pin = `/sys/fs/bpf/xdp-test-${process.pid}`;
  const directory = mkdtempSync(join(tmpdir(), 'xdp-uninitialised-'));
  const object = join(directory, 'object.o');
  writeFileSync(object, objectOf(text).elf);
  const capabilities = '-all,+bpf,+net_admin,+dac_override';
  try {
    const args = [
      `--bounding-set=${capabilities}`,
      `--inh-caps=${capabilities}`,
      'bpftool',
      'prog',
      'load',
      object,
      pin,
    ];
    const { status, stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8' });
    return status === 0 ? '' : stdout + stderr;
  } finally {
    rmSync(pin, { force: true });
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Place and code; the column is that of the marker when it lies inside of it. */
function describe(cases: readonly Case[], verdict: Verdict, source: string): string {
  const { failure, name } = verdict;
  if (failure === undefined) return `${name}: ${verdict.verdict}`;
  const marker = cases.find((each) => each.program === name);
  const inside = marker !== undefined && failure.column !== null && marker.columns.includes(failure.column);
  const expression = marker?.expression === undefined ? '' : ` ${failure.expression}`;
  const text = source.split('\n')[(failure.line ?? 0) - 1];
  expect(failure.file, `${name}: ${failure.message}`).toMatch(/\.bpf\.c$/);
  expect(text, `${name}: ${failure.message}`).toBeDefined();
  return `${name}: ${failure.code} at ${failure.line}:${inside ? 'marker' : failure.column}${expression}`;
}

function expected(each: Case | undefined): string {
  if (each === undefined) return 'a marker';
  return `${each.program}: ${each.code} at ${each.line}:marker${each.expression === undefined ? '' : ` ${each.expression}`}`;
}
