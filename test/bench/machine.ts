import path from 'node:path';
import { functionsOfCode } from '../../extension/core/vm/wasm/blocks.ts';
import { compileCode } from '../../extension/core/vm/wasm/compile.ts';
import type { LinkedObject } from '../../extension/core/vm/link/linkedObject.ts';
import { Machine, type MachineOptions } from '../../extension/core/vm/machine.ts';
import { buildPacket } from '../../extension/core/packet/build.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { openObject } from '../../extension/session/bpfObject.ts';
import { linkForVm } from '../../extension/session/engine/vm.ts';
import { median, type Row, sample } from './measure.ts';

const program = 'parse';
const long = packetOf(1400);
const short = packetOf(0);

function packetOf(payload: number): Uint8Array {
  return buildPacket([
    { name: 'Ether', fields: {} },
    { name: 'IP', fields: { src: '10.1.2.3', dst: '10.9.8.7' } },
    { name: 'TCP', fields: { dport: 443 } },
    { name: 'Raw', fields: { load: new Uint8Array(payload).fill(7) } },
  ]).bytes;
}

/** Nanoseconds a packet: the fastest of some batches, since others use the machine as well. */
async function perPacket(
  linked: LinkedObject,
  options: MachineOptions,
  packet: Uint8Array,
  runs: number,
  output: 'bytes' | 'verdict' = 'bytes',
): Promise<{ ns: number; insns: number }> {
  const machine = new Machine(linked, { cpuCount: 1, ...options });
  let insns = 0;
  const batches = await sample(9, () => {
    for (let run = 0; run < runs; run++) insns = machine.runXdp({ program, packet, output }).insnsExecuted;
  });
  return { ns: (Math.min(...batches) * 1e6) / runs, insns };
}

/** The built-in machine's engines, beside the kernel's compiled code. */
export async function machineRows(client: HelperClient, bundledInclude: string): Promise<Row[]> {
  const object = await openObject(path.join(process.cwd(), 'test/bench/parse.bpf.c'), { bundledInclude });
  const linked = linkForVm(object, [0]);
  const interpreted = await perPacket(linked, {}, long, 200);
  const compiled = await perPacket(linked, { engine: 'wasm' }, long, 2000);
  // The kernel's time has neither putting the packet there nor taking it out; the machine's still has the first.
  const alone = await perPacket(linked, { engine: 'wasm' }, long, 2000, 'verdict');
  const counted = await perPacket(linked, { engine: 'wasm', coverage: true }, short, 20_000);
  const kernelNs = await kernelTime(client, object);
  const rate = ({ ns, insns }: { ns: number; insns: number }): number => (insns * 1000) / ns;
  return [
    row('machine, interpreter: parser with payload sum', rate(interpreted), 'Minsn/s', '≥ 50', rate(interpreted) >= 50),
    row('machine, compiled: the same parser', rate(compiled), 'Minsn/s', '≥ 400', rate(compiled) >= 400),
    {
      name: 'machine, compiled: time of that packet (peer: the kernel’s JIT)',
      ours: alone.ns,
      peer: kernelNs,
      unit: 'ns',
      ratio: kernelNs / alone.ns,
      aim: '≤ 4.5× the JIT',
      met: alone.ns <= 4.5 * kernelNs,
    },
    row(
      'machine, compiled, coverage on: short packets, set and read back',
      1e6 / counted.ns,
      'k/s',
      '≥ 800',
      1e6 / counted.ns >= 800,
    ),
    await compileRow(linked),
    await pauseRow(bundledInclude),
  ];
}

function row(name: string, ours: number, unit: string, aim: string, met: boolean): Row {
  return { name, ours, peer: undefined, unit, ratio: undefined, aim, met };
}

async function kernelTime(client: HelperClient, { elf, name }: { elf: Uint8Array; name: string }): Promise<number> {
  const loaded = await client.call('object/load', { elf, name });
  try {
    const reply = await client.call('program/testRun', {
      object: loaded.object,
      program,
      data: long,
      repeat: 200_000,
      capturePrintk: false,
    });
    return reply.durationNs;
  } finally {
    await client.call('object/close', { object: loaded.object });
  }
}

/** From the object's bytes to the end of the first run: the longest that anybody waits, whatever runs it. */
async function pauseRow(bundledInclude: string): Promise<Row> {
  const object = await openObject(path.join(process.cwd(), 'test/bench/long.bpf.c'), { bundledInclude });
  const pauses: number[] = [];
  for (const name of ['longest_compiled', 'interpreted']) {
    const times = await sample(5, () => {
      const machine = new Machine(linkForVm(object, [0]), { cpuCount: 1, engine: 'wasm' });
      machine.runXdp({ program: name, packet: short });
    });
    pauses.push(median(times));
  }
  const ms = Math.max(...pauses);
  return row('machine, first run of the longest programs, with linking (p50)', ms, 'ms', '≤ 100 ms', ms <= 100);
}

/** Its instructions again and again, up to about 3,000: what is compiled is never run. */
async function compileRow(linked: LinkedObject): Promise<Row> {
  const code = linked.programs.get(program)?.code;
  if (code === undefined) throw new Error('no program');
  const [fn] = functionsOfCode(code);
  if (fn === undefined) throw new Error('no function');
  const insns = fn.blocks.reduce((sum, block) => sum + block.insns, 0);
  const copies = Math.ceil(3000 / insns);
  const functions = Array.from({ length: copies }, () => fn);
  const options = { stackBytes: 512, maxFrames: 8, maxLoops: 1, counters: undefined };
  const times = await sample(
    15,
    () => new WebAssembly.Module(compileCode(code, options, functions).module.slice().buffer),
  );
  const ms = median(times);
  return row(`machine, compiling ${copies * insns} instructions (p50)`, ms, 'ms', '≤ 20 ms', ms <= 20);
}
