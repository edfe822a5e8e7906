import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startHelper } from '../../extension/kernel/client.ts';
import { compile } from '../../extension/toolchain/compile.ts';
import { attachRows } from './attach.ts';
import { debugRows } from './debug.ts';
import { mapRows } from './maps.ts';
import { generateRows } from './generate.ts';
import { runRows } from './runs.ts';
import { hostMemoryRow, mapViewRows } from './mapView.ts';
import { machineRows } from './machine.ts';
import { packetRows } from './packets.ts';
import { squiggleRow } from './squiggle.ts';
import { performancePage } from './page.ts';
import { formatTable, median, type Row, sample } from './measure.ts';

/** `npm run bench`: every measure against its peer within one run. Root, since it loads programs. */
const root = process.cwd();
const bundledInclude = path.join(root, 'bpf', 'include');

async function compileRow(): Promise<Row> {
  const file = path.join(root, 'bpf/examples/counter/xdp_counter.bpf.c');
  const output = path.join(os.tmpdir(), `xdp-bench-${process.pid}.o`);
  const { command } = await compile({ file, output, bundledInclude });
  const [clang = 'clang', ...args] = command;
  const bare: number[] = [];
  const ours: number[] = [];
  // In turns, so that a drift of the machine's speed hits both.
  for (let run = 0; run < 15; run++) {
    bare.push(...(await sample(1, () => execFileSync(clang, args, { stdio: 'ignore' }), 0)));
    ours.push(...(await sample(1, () => compile({ file, output, bundledInclude }), 0)));
  }
  const overhead = median(ours) - median(bare);
  return {
    name: 'compile: overhead over the bare clang command',
    ours: overhead,
    peer: median(bare),
    unit: 'ms',
    ratio: median(ours) / median(bare),
    aim: '≤ 30 ms',
    met: overhead <= 30,
  };
}

/** Loading and activating in the extension host of a real VS Code, as the host suite measures it. */
function activationRow(): Row {
  execFileSync(process.execPath, [path.join(root, 'test/host/run.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const file = path.join(root, '.cache/host-tests/activation.json');
  const { loadMs, activateMs } = JSON.parse(readFileSync(file, 'utf8')) as { loadMs: number; activateMs: number };
  const ours = loadMs + activateMs;
  return {
    name: 'activation in VS Code (its own marks: loading the code and activate())',
    ours,
    peer: undefined,
    unit: 'ms',
    ratio: undefined,
    aim: '≤ 30 ms',
    met: ours <= 30,
  };
}

function vsixRows(): Row[] {
  const files = readdirSync(root).filter((name) => name.endsWith('.vsix'));
  if (files.length === 0) throw new Error('no .vsix: run `npm run package` first');
  return files.map((name) => {
    const ours = statSync(path.join(root, name)).size / 1e6;
    return { name, ours, peer: undefined, unit: 'MB', ratio: undefined, aim: '≤ 2 MB', met: ours <= 2 };
  });
}

const client = await startHelper({
  helperPath: path.join(root, 'dist/helper.js'),
  execPath: process.execPath,
  profile: 'own',
  elevation: 'auto',
});
try {
  const rows = [
    await hostMemoryRow(client, bundledInclude),
    ...(await mapRows(client, bundledInclude)),
    ...(await runRows(bundledInclude)),
    ...mapViewRows(),
    ...(await machineRows(client, bundledInclude)),
    ...(await generateRows(bundledInclude)),
    ...(await attachRows(client, bundledInclude)),
    ...(await packetRows()),
    ...(await debugRows()),
    await compileRow(),
    await squiggleRow(client, bundledInclude),
    activationRow(),
    ...vsixRows(),
  ];
  const result = {
    date: new Date().toISOString(),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    kernel: os.release(),
    node: process.version,
    cpus: os.cpus().length,
    rows,
  };
  mkdirSync(path.join(root, 'artifacts'), { recursive: true });
  writeFileSync(path.join(root, 'artifacts/bench.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  if (process.argv.includes('--page')) writeFileSync(path.join(root, 'docs/performance.md'), performancePage(result));
  console.log(formatTable(rows));
  console.log(`\nartifacts/bench.json; kernel ${result.kernel}, Node.js ${result.node}, ${result.cpus} CPUs`);
} finally {
  await client.dispose();
}
