import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Coverage, type FileCoverage, ranOnly, totalsOf } from '../../extension/core/coverage/coverage.ts';
import { toCobertura, toLcov } from '../../extension/core/coverage/formats.ts';
import { ProgramImage } from '../../extension/core/debugger/image.ts';
import { Machine } from '../../extension/core/vm/machine.ts';
import { buildForDebugger, debuggerMachine } from '../../extension/session/engine/debugBuild.ts';
import { linkForVm } from '../../extension/session/engine/vm.ts';
import { bundledInclude, project } from '../support/toolchain.ts';

/** Plain C, so that gcc can build it for this machine as well: gcov is the judge. */
const source = `#include <linux/bpf.h>
#include <linux/if_ether.h>
#define SEC(name) __attribute__((section(name), used))

static __attribute__((noinline)) int classify(int value)
{
	switch (value & 3) {
	case 0:
		return 10;
	case 1:
		return 20;
	default:
		break;
	}
	return value > 100 ? 30 : 40;
}

static __attribute__((noinline)) int never(int value)
{
	if (value)
		return value + 1;
	return 7;
}

SEC("xdp")
int measured(struct xdp_md *ctx)
{
	unsigned char *data = (unsigned char *)(long)ctx->data;
	unsigned char *end = (unsigned char *)(long)ctx->data_end;
	int sum = 0;

	if (data + 20 > end)
		return 0;
	for (int i = 14; i < 20; i++) {
		if (data[i] == 0)
			continue;
		sum += classify(data[i]);
		if (sum > 90)
			break;
	}
	if (sum == 12345 && never(sum))
		return 1;
	return sum & 1 ? 1 : 2;
}

char _license[] SEC("license") = "GPL";
`;

const driver = `#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "measured.bpf.c"

int main(int count, char **packets)
{
	/* The context has 32 bits for an address. */
	unsigned char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	for (int p = 1; p < count; p++) {
		int length = strlen(packets[p]) / 2;
		struct xdp_md ctx = { .data = (long)page, .data_end = (long)page + length };

		for (int i = 0; i < length; i++)
			sscanf(packets[p] + 2 * i, "%2hhx", page + i);
		printf("%d\\n", measured(&ctx));
	}
	return 0;
}
`;

const tails = ['', '010203040506', '000000000000', 'ff00ff00ff00', '646566676869', '7f7f7f7f7f7f', 'fb0000000003'];
const packets = tails.map((tail) => `${'00'.repeat(14)}${tail}`);

/** Line → count, as gcov has it; lines without code are absent. */
function gcov(folder: string): Map<number, number> {
  execFileSync('gcc', ['-O0', '--coverage', '-o', 'native', 'driver.c'], { cwd: folder });
  execFileSync('./native', packets, { cwd: folder });
  execFileSync('gcov', ['native-driver.gcda'], { cwd: folder, stdio: 'pipe' });
  const report = readFileSync(join(folder, 'measured.bpf.c.gcov'), 'utf8');
  const lines = [...report.matchAll(/^ *(\d+|#+)\*?: *(\d+):/gm)];
  return new Map(lines.map(([, count, line]) => [Number(line), count?.startsWith('#') ? 0 : Number(count)]));
}

type ByTest = { name: string; files: FileCoverage[] }[];

async function measure(folder: string, byTest: ByTest = []): Promise<Coverage> {
  const build = await buildForDebugger(join(folder, 'measured.bpf.c'), { bundledInclude });
  const linked = linkForVm(build.object, [0]);
  const image = new ProgramImage(build.object.elf, linked);
  const coverage = new Coverage();
  for (const packet of packets) {
    const machine = new Machine(linked, { ...debuggerMachine, engine: 'wasm', coverage: true });
    const { fault } = machine.runXdp({ program: 'measured', packet: new Uint8Array(Buffer.from(packet, 'hex')) });
    expect(fault).toBeUndefined();
    coverage.add(image, machine);
    const own = new Coverage();
    own.add(image, machine);
    byTest.push({ name: `packet ${packet.slice(28)}`, files: own.files().map(ranOnly) });
  }
  return coverage;
}

test('lines are counted as gcov counts them on the same source', async () => {
  const folder = project({ 'measured.bpf.c': source, 'driver.c': driver });
  const expected = gcov(folder);
  const [file] = (await measure(folder)).files();
  const text = source.split('\n');
  const compared = [...(file?.lines ?? [])].filter(([line]) => expected.has(line));
  // A closing brace stands for a return that each compiler places in its own way; to a loop's rounds gcov adds its start.
  const meaningful = compared.filter(([line]) => !/^\s*(\}|default:|case |for )/.test(text[line - 1] ?? ''));
  expect(meaningful.length).toBeGreaterThan(12);
  for (const [line, count] of meaningful)
    expect(`${line}: ${count}`, text[line - 1]).toBe(`${line}: ${expected.get(line)}`);
  expect(Object.fromEntries([...(file?.functions ?? [])].map(([name, { count }]) => [name, count > 0]))).toEqual({
    classify: true,
    measured: true,
    never: false,
  });
});

test('lcov and Cobertura hold the same totals, and the XML is XML', async () => {
  const folder = project({ 'measured.bpf.c': source, 'driver.c': driver });
  const byTest: ByTest = [];
  const files = (await measure(folder, byTest)).files();
  const totals = totalsOf(files[0] ?? { file: '', lines: new Map(), functions: new Map(), branches: new Map() });
  const lcov = toLcov(files, []);
  expect(lcov).toContain(`SF:${join(folder, 'measured.bpf.c')}\n`);
  expect(lcov).toContain(`LF:${totals.lines.total}\nLH:${totals.lines.covered}\nend_of_record\n`);
  expect(lcov).toContain(`BRF:${totals.branches.total}\nBRH:${totals.branches.covered}\n`);
  expect(totals.branches.covered).toBeLessThan(totals.branches.total);
  expect(totals.functions).toEqual({ covered: 2, total: 3 });
  expect(summed(toLcov(files, byTest))).toEqual(summed(lcov));
  expect([...toLcov(files, byTest).matchAll(/^TN:(.*)$/gm)].map(([, name]) => name)).toEqual([
    'packet_',
    ...tails.slice(1).map((tail) => `packet_${tail}`),
  ]);
  const file = join(folder, 'coverage.xml');
  writeFileSync(file, toCobertura(files, 0));
  const script =
    'import sys, xml.etree.ElementTree as t; r = t.parse(sys.argv[1]).getroot(); print(r.get("lines-covered"), r.get("lines-valid"), len(r.findall(".//class/lines/line")))';
  const parsed = execFileSync('python3', ['-c', script, file], { encoding: 'utf8' }).trim();
  expect(parsed).toBe(`${totals.lines.covered} ${totals.lines.total} ${totals.lines.total}`);
});

/** The sum of all records, as lcov's own tools make it. */
function summed(lcov: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const line of lcov.split('\n')) {
    const [kind = '', rest = ''] = line.split(/:(.*)/);
    const parts = rest.split(',');
    if (!/^(?:DA|BRDA|FNDA)$/.test(kind)) continue;
    const count = kind === 'FNDA' ? parts.shift() : parts.pop();
    const key = `${kind}:${parts.join()}`;
    sums[key] = (sums[key] ?? 0) + (count === '-' ? 0 : Number(count));
  }
  return sums;
}
