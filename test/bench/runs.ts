import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { compile } from '../../extension/toolchain/compile.ts';
import { median, type Row, sample } from './measure.ts';

const root = process.cwd();
const cli = path.join(root, 'dist/cli.js');
const firewall = path.join(root, 'bpf/examples/firewall');

/** Running packets and packet tests through the built `xdp`, as whole processes. */
export async function runRows(bundledInclude: string): Promise<Row[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'xdp-bench-run-'));
  try {
    const object = path.join(folder, 'xdp_firewall.o');
    await compile({ file: path.join(firewall, 'xdp_firewall.bpf.c'), output: object, bundledInclude });
    return [...testRows(folder, object), await runRow(folder, object)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Tests per second of processor time: of the CLI and its helper together, so that whatever else runs on the machine does not
 * count. What starting, loading and compiling takes is measured with one test, and taken off.
 */
function testRows(folder: string, object: string): Row[] {
  const { tests } = JSON.parse(readFileSync(path.join(firewall, 'xdp_firewall.xdptest.json'), 'utf8')) as {
    tests: { name: string }[];
  };
  const write = (count: number): string => {
    const many = Array.from({ length: count }, (_, index) => ({
      ...tests[index % tests.length],
      name: `test ${index}`,
    }));
    const file = path.join(folder, `${count}.xdptest.json`);
    writeFileSync(file, JSON.stringify({ source: object, program: 'xdp_firewall', tests: many }));
    return file;
  };
  const [one, many] = [write(1), write(6001)];
  return (['kernel', 'vm'] as const).map((engine) => {
    const seconds = (file: string): number => median(Array.from({ length: 5 }, () => cpuSeconds(file, engine)));
    const ours = 6000 / (seconds(many) - seconds(one));
    return {
      name: `xdp test --engine ${engine}, tests per second of one core (firewall, 1 to 3 packets each)`,
      ours,
      peer: undefined,
      unit: '/s',
      ratio: undefined,
      aim: '≥ 1,000',
      met: ours >= 1000,
    };
  });
}

/** User and system time of a run with everything that it started. */
function cpuSeconds(file: string, engine: string): number {
  // The shell's own times, then those of what it ran.
  const script = '"$@" > /dev/null; code=$?; times; exit $code';
  const args = ['-c', script, 'sh', process.execPath, cli, 'test', file, '--engine', engine, '--json'];
  const { stdout, status } = spawnSync('bash', args, { encoding: 'utf8' });
  const parts = [...stdout.matchAll(/(\d+)m([\d.]+)s/g)].map((match) => Number(match[1]) * 60 + Number(match[2]));
  if (status !== 0 || parts.length !== 4) throw new Error(`xdp test ${file} ended with ${status}: ${stdout}`);
  return parts.slice(2).reduce((sum, part) => sum + part, 0);
}

/** From a shell to the verdict of one packet: bpftool has to load and pin first, as it runs only what is loaded. */
async function runRow(folder: string, object: string): Promise<Row> {
  const packet = 'ffffffffffff00000000000008004500001c0001000040117cce7f0000017f0000010035003500080172';
  const data = path.join(folder, 'packet');
  writeFileSync(data, Buffer.from(packet, 'hex'));
  const pin = `/sys/fs/bpf/xdp-bench-${process.pid}`;
  const ours: number[] = [];
  const peer: number[] = [];
  const once = (): void =>
    void execFileSync(process.execPath, [cli, 'run', object, '--packet', packet, '--repeat', '1', '--json']);
  const theirs = (): void => {
    execFileSync('bpftool', ['prog', 'load', object, pin]);
    try {
      execFileSync('bpftool', ['-j', 'prog', 'run', 'pinned', pin, 'data_in', data]);
    } finally {
      rmSync(pin, { force: true });
    }
  };
  for (let run = 0; run < 11; run++) {
    ours.push(...(await sample(1, once, 0)));
    peer.push(...(await sample(1, theirs, 0)));
  }
  return {
    name: 'xdp run, one packet from shell to verdict, with its maps compared (peer: bpftool prog load + run)',
    ours: median(ours),
    peer: median(peer),
    unit: 'ms',
    ratio: median(ours) / median(peer),
    aim: '≤ 1,000 ms',
    met: median(ours) <= 1000,
  };
}
