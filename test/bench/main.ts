import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type HelperClient, startHelper } from '../../extension/kernel/client.ts';
import { openObject } from '../../extension/session/bpfObject.ts';
import { readMap } from '../../extension/session/maps/maps.ts';
import { compile } from '../../extension/toolchain/compile.ts';
import { formatTable, median, type Row, sample } from './measure.ts';

/** `npm run bench`: every measure against its peer within one run. Root, since it loads programs. */
const root = process.cwd();
const bundledInclude = path.join(root, 'bpf', 'include');

async function mapRows(client: HelperClient): Promise<Row[]> {
  const object = await openObject(path.join(root, 'test/bench/fill.bpf.c'), { bundledInclude });
  const loaded = await client.call('object/load', { elf: object.elf, name: object.name });
  const idOf = (name: string): number => loaded.maps.find((map) => map.name === name)?.id ?? 0;
  try {
    const entries = 1_000_000;
    await client.call('program/testRun', {
      object: loaded.object,
      program: 'fill',
      data: new Uint8Array(64),
      repeat: entries,
      capturePrintk: false,
    });
    return [await pollRow(client, idOf('small')), await dumpRow(client, idOf('big'), entries)];
  } finally {
    await client.call('object/close', { object: loaded.object });
  }
}

async function pollRow(client: HelperClient, id: number): Promise<Row> {
  const polls = await sample(2000, () => client.call('map/read', { map: { id }, limit: 5 }), 200);
  const dumps = await sample(30, () => execFileSync('bpftool', ['-j', 'map', 'dump', 'id', String(id)]));
  const ours = median(polls) * 1000;
  const peer = median(dumps) * 1000;
  return {
    name: 'live poll, 5-entry per-CPU array (p50; peer: bpftool -j map dump)',
    ours,
    peer,
    unit: 'µs',
    ratio: peer / ours,
    aim: '≤ 200 µs and ≥ 10×',
    met: ours <= 200 && peer / ours >= 10,
  };
}

async function dumpRow(client: HelperClient, id: number, entries: number): Promise<Row> {
  const reads = await sample(
    3,
    async () => {
      const page = await readMap(client, { id }, { maxEntries: Number.POSITIVE_INFINITY });
      if (page.count < entries * 0.99) throw new Error(`read ${page.count} of ${entries} entries`);
    },
    1,
  );
  const dumps = await sample(
    1,
    () => {
      const { stdout } = spawnSync('bpftool', ['-j', 'map', 'dump', 'id', String(id)], { maxBuffer: 2 ** 30 });
      const parsed = JSON.parse(stdout.toString('latin1')) as unknown[];
      if (parsed.length < entries * 0.99) throw new Error(`bpftool gave ${parsed.length} entries`);
    },
    0,
  );
  const ours = median(reads);
  const peer = median(dumps);
  return {
    name: `read ${entries} per-CPU hash entries (peer: bpftool -j map dump + JSON.parse)`,
    ours,
    peer,
    unit: 'ms',
    ratio: peer / ours,
    aim: '≥ 20×',
    met: peer / ours >= 20,
  };
}

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
  const rows = [...(await mapRows(client)), await compileRow(), activationRow(), ...vsixRows()];
  const result = {
    date: new Date().toISOString(),
    kernel: os.release(),
    node: process.version,
    cpus: os.cpus().length,
    rows,
  };
  mkdirSync(path.join(root, 'artifacts'), { recursive: true });
  writeFileSync(path.join(root, 'artifacts/bench.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  console.log(formatTable(rows));
  console.log(`\nartifacts/bench.json; kernel ${result.kernel}, Node.js ${result.node}, ${result.cpus} CPUs`);
} finally {
  await client.dispose();
}
