import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { Attachments } from '../../extension/session/attach/attachments.ts';
import { AttachmentRegistry } from '../../extension/session/attach/registry.ts';
import { openObject } from '../../extension/session/bpfObject.ts';
import { KernelAccess } from '../../extension/session/kernelAccess.ts';
import { median, type Row } from './measure.ts';

interface Tool {
  times: number[];
  /** Answers with how to detach again. */
  attach(): Promise<() => Promise<void>>;
}

/**
 * From the request to the attached program, the helper running: loading included, as for the tools beside it, which are
 * whole processes. Native mode on a veth pair of its own; in turns, so that a drift of the machine's speed hits all.
 */
export async function attachRows(client: HelperClient, bundledInclude: string): Promise<Row[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'xdp-bench-'));
  const iface = `xdpb${process.pid % 100_000}`;
  execFileSync('ip', ['link', 'add', iface, 'type', 'veth', 'peer', 'name', `${iface}p`]);
  const kernel = new KernelAccess({ helperPath: '', execPath: '', elevation: 'none', start: async () => client });
  const attachments = new Attachments(
    kernel,
    new AttachmentRegistry('cli', path.join(folder, 'registry', 'attachments')),
  );
  try {
    const object = await openObject('bpf/examples/counter/xdp_counter.bpf.c', { bundledInclude });
    const file = path.join(folder, 'counter.o');
    writeFileSync(file, object.elf);
    const request = { object, program: 'xdp_counter', iface, mode: 'native', via: 'link', keep: false } as const;
    const run = (name: string, ...args: string[]): void => void execFileSync(name, args, { stdio: 'ignore' });
    const ours: Tool = {
      times: [],
      attach: async () => {
        const live = await attachments.attach(request);
        return () => attachments.detach(live);
      },
    };
    const byIp: Tool = {
      times: [],
      attach: async () => {
        run('ip', 'link', 'set', 'dev', iface, 'xdpdrv', 'object', file, 'section', 'xdp');
        return async () => run('ip', 'link', 'set', 'dev', iface, 'xdp', 'off');
      },
    };
    const byLoader: Tool = {
      times: [],
      attach: async () => {
        run('xdp-loader', 'load', '-m', 'native', iface, file);
        return async () => run('xdp-loader', 'unload', iface, '--all');
      },
    };
    const orders = [
      [ours, byIp, byLoader],
      [ours, byLoader, byIp],
      [byIp, ours, byLoader],
      [byIp, byLoader, ours],
      [byLoader, ours, byIp],
      [byLoader, byIp, ours],
    ];
    for (let round = -3; round < 30; round++) {
      // What one leaves to the kernel slows the next: each comes after each.
      for (const tool of orders[(round + 6) % 6] ?? []) {
        await rest();
        const started = performance.now();
        const detach = await tool.attach();
        if (round >= 0) tool.times.push(performance.now() - started);
        await detach();
      }
    }
    return [row('ip link set xdp', ours.times, byIp.times), row('xdp-loader load', ours.times, byLoader.times)];
  } finally {
    execFileSync('ip', ['link', 'del', iface]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the detaching before set off (notifications, freeing after a grace period) is nobody's attaching. */
function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 60));
}

function row(tool: string, ours: readonly number[], peer: readonly number[]): Row {
  return {
    name: `attach: request to attached, against the whole of ${tool}`,
    ours: median(ours),
    peer: median(peer),
    unit: 'ms',
    ratio: median(peer) / median(ours),
    aim: '≥ 1×',
    met: median(ours) <= median(peer),
  };
}
