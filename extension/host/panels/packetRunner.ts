import type * as vscode from 'vscode';
import type { BpfObject } from '../../session/bpfObject.ts';
import type { LiveRequest, LiveResult } from '../../session/run/live.ts';
import type { RunRequest, RunResult } from '../../session/run/run.ts';
import type { SequenceRequest, SequenceResult } from '../../session/run/sequence.ts';

/** What the packet panel runs packets with. */
export interface PacketRunner {
  open(file: vscode.Uri): Promise<BpfObject>;
  one(object: BpfObject, request: RunRequest): Promise<RunResult>;
  many(object: BpfObject, request: SequenceRequest): Promise<SequenceResult>;
  /** What only a kernel can do; undefined: this is the built-in machine. */
  readonly kernel: KernelRuns | undefined;
}

export interface KernelRuns {
  attached(progId: number, request: Omit<RunRequest, 'program'>): Promise<RunResult & { attachedTo: string }>;
  live(object: BpfObject, request: LiveRequest): Promise<LiveResult & { iface: string }>;
}

/** Where there is no kernel: on macOS and Windows, and where VS Code is a page. */
export function machineRunner(open: PacketRunner['open']): PacketRunner {
  return {
    open,
    async one(object, request) {
      const { runPacketVm } = await import('../../session/engine/vm.ts');
      return await runPacketVm(object, request, await processors());
    },
    async many(object, request) {
      const { runSequenceVm } = await import('../../session/engine/vmSequence.ts');
      return await runSequenceVm(object, request, await processors());
    },
    kernel: undefined,
  };
}

async function processors(): Promise<number[]> {
  const { possibleCpus } = await import('../../session/engine/target.ts');
  return possibleCpus();
}
