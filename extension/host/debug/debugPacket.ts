import type * as vscode from 'vscode';
import { toHex } from '../../core/packet/hex.ts';
import { defaultConfiguration } from './configuration.ts';
import { startDebugging } from './debugging.ts';

/** What the packet panel holds. */
export interface PanelRun {
  packet: Uint8Array;
  ingressIfindex?: number | undefined;
  rxQueueIndex?: number | undefined;
  metadata?: Uint8Array | undefined;
  cpu?: number | undefined;
  linearBytes?: number | undefined;
}

/** Debugs a program on the packet and in the context of the panel; in the context as a packet test has it. */
export async function debugPacket(file: vscode.Uri, program: string, run: PanelRun): Promise<void> {
  const { packet, ingressIfindex, rxQueueIndex, metadata, cpu, linearBytes } = run;
  const context = {
    ...(ingressIfindex === undefined ? {} : { ingress_ifindex: ingressIfindex }),
    ...(rxQueueIndex === undefined ? {} : { rx_queue_index: rxQueueIndex }),
    ...(metadata === undefined ? {} : { metadata: toHex(metadata) }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(linearBytes === undefined ? {} : { linear: linearBytes }),
  };
  await startDebugging(file, {
    ...defaultConfiguration(),
    name: program,
    program: file.fsPath,
    function: program,
    packet: toHex(packet),
    ...(Object.keys(context).length === 0 ? {} : { context }),
  });
}
