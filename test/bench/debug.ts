import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { storyOf } from '../../extension/session/engine/story.ts';
import { possibleCpus } from '../../extension/session/engine/target.ts';
import { packetArgument } from '../../extension/session/run/packetArgument.ts';
import { DapClient } from '../support/dapClient.ts';
import { median, type Row, sample } from './measure.ts';

const root = process.cwd();
const bundledInclude = path.join(root, 'bpf', 'include');
const packet = 'Ether()/Dot1Q(vlan=5)/IP(src="10.0.0.66")/TCP(dport=80)';

/** What people wait for in the debugger: F5 with the build in it, steps both ways with what VS Code asks after each, a story. */
export async function debugRows(): Promise<Row[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'xdp-bench-debug-'));
  try {
    cpSync(path.join(root, 'bpf/examples/syn_cookie'), folder, { recursive: true });
    const program = path.join(folder, 'xdp_syn_cookie.bpf.c');
    return [firstStop(await firstStops(program)), ...(await stepRows(program)), await storyRow(program)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function firstStops(program: string): Promise<number[]> {
  return await sample(
    5,
    async () => {
      const client = new DapClient('', bundledInclude);
      await client.launch({ program, packet });
      await shown(client);
      await client.close();
    },
    1,
  );
}

function firstStop(times: readonly number[]): Row {
  const ours = median(times);
  return row('debugger: F5 to the first stop, both builds in it', ours, '≤ 1000 ms', ours <= 1000);
}

async function stepRows(program: string): Promise<Row[]> {
  const client = new DapClient('', bundledInclude);
  await client.launch({ program, packet });
  const step = async (command: string): Promise<number> => {
    const [time = 0] = await sample(
      1,
      async () => {
        await client.moved(command);
        await shown(client);
      },
      0,
    );
    return time;
  };
  const forward: number[] = [];
  const back: number[] = [];
  for (let count = 0; count < 25; count++) forward.push(await step('stepIn'));
  for (let count = 0; count < 20; count++) back.push(await step('stepBack'));
  await client.close();
  const aim = '≤ 30 ms';
  return [
    row('debugger: a step into, its variables shown', median(forward), aim, median(forward) <= 30),
    row('debugger: a step back, its variables shown', median(back), aim, median(back) <= 30),
  ];
}

async function storyRow(file: string): Promise<Row> {
  const { bytes } = await packetArgument(packet);
  const request = {
    file,
    program: 'xdp_syn_cookie',
    setups: [],
    packets: [{ packet: bytes, context: {} }],
    action: undefined,
  };
  const times = await sample(5, () => storyOf(request, { bundledInclude }, possibleCpus()), 1);
  return row('verdict story of a run, its build in it', median(times), '≤ 1000 ms', median(times) <= 1000);
}

/** What VS Code asks for after each stop. */
async function shown(client: DapClient): Promise<void> {
  await client.variables(['Locals']);
  await client.variables(['Packet']);
}

function row(name: string, ours: number, aim: string, met: boolean): Row {
  return { name, ours, peer: undefined, unit: 'ms', ratio: undefined, aim, met };
}
