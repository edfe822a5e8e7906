import * as vscode from 'vscode';
import type { CompileResult } from '../session/bpfObject.ts';
import type { Verdict } from '../session/verify.ts';
import type { Services } from './services.ts';
import { requireTrust } from './trust.ts';

/**
 * What other extensions get from `vscode.extensions.getExtension('vscode-xdp.vscode-xdp').activate()`. Results are the
 * documents that `xdp … --json` prints (docs/cli.md); failures are errors with `code` and `fix`. docs/api.md shows its use.
 */
export interface XdpApi {
  readonly version: 1;
  /** Compiles to an object beside the source, and shows nothing. A compile error is in the result. */
  compile(file: vscode.Uri): Promise<CompileResult>;
  /** Loads each program of a source or object alone, attached nowhere. May ask the user for a password. */
  verify(file: vscode.Uri): Promise<Verdict[]>;
  /** One packet through one program: on the kernel (which may ask for a password), or in the built-in machine. */
  run(request: ApiRunRequest): Promise<Record<string, unknown>>;
  /** What this window has attached now. */
  attachments(): readonly ApiAttachment[];
  readonly onDidChangeAttachments: vscode.Event<void>;
}

export interface ApiRunRequest {
  file: vscode.Uri;
  /** P of docs/cli.md: hex, `@file`, `file.pcap#N`, or a Scapy expression. */
  packet: string;
  /** Function, or unique section; may be left out where there is only one XDP program. */
  program?: string;
  /** Default `kernel`. */
  engine?: 'kernel' | 'vm';
}

export interface ApiAttachment {
  program: string;
  progId: number;
  iface: string;
  /** Name of a network namespace; undefined for the one that VS Code is in. */
  netns: string | undefined;
  mode: string;
}

/** Only closures: what they need is imported when one is called. */
export function createApi(services: Services): XdpApi {
  return {
    version: 1,
    async compile(file) {
      requireTrust();
      const { compileSource } = await import('../session/bpfObject.ts');
      return await compileSource(file.fsPath, services.buildOptions(file));
    },
    async verify(file) {
      requireTrust();
      const { openObject } = await import('../session/bpfObject.ts');
      const { verifyObject } = await import('../session/verify.ts');
      const object = await openObject(file.fsPath, services.buildOptions(file));
      return await verifyObject(await services.kernel.own(), object);
    },
    async run({ file, packet, program, engine = 'kernel' }) {
      requireTrust();
      const { chooseProgram, openObject } = await import('../session/bpfObject.ts');
      const { packetArgument } = await import('../session/run/packetArgument.ts');
      const { runJson } = await import('../session/run/json.ts');
      const { runPacket } = await import('../session/run/run.ts');
      const { bytes } = await packetArgument(packet);
      const object = await openObject(file.fsPath, services.buildOptions(file));
      const request = { program: chooseProgram(object, program).name, packet: bytes, context: {}, repeat: 1 };
      if (engine === 'kernel') {
        return { engine, ...runJson(await runPacket(await services.kernel.own(), object, request)) };
      }
      const { runPacketVm } = await import('../session/engine/vm.ts');
      const { possibleCpus } = await import('../session/engine/target.ts');
      return { engine, ...runJson(await runPacketVm(object, request, possibleCpus())) };
    },
    attachments: () =>
      services.attachments.live.map(({ program, progId, iface, netns, mode }) => ({
        program,
        progId,
        iface,
        netns,
        mode,
      })),
    onDidChangeAttachments: (listener, self, disposables) => {
      const subscription = services.attachments.onDidChange(() => listener.call(self) as unknown);
      disposables?.push(subscription);
      return subscription;
    },
  };
}
