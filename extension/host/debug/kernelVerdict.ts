import * as v from 'valibot';
import * as vscode from 'vscode';
import { describeError } from '../../core/errors.ts';
import { toHex } from '../../core/packet/hex.ts';
import { askKernel, type KernelAnswer, kernelAnswer, KernelQuestion } from '../../protocol/debug.ts';
import { openObject } from '../../session/bpfObject.ts';
import type { TestRequest } from '../../session/packetTest/engine.ts';
import { kernelTestEngine } from '../../session/packetTest/kernel.ts';
import type { Services } from '../services.ts';

/** Answers the debug adapter, which has no privilege of its own: what does the kernel make of these packets? */
export async function answerKernelQuestion(
  services: Services,
  { session, event, body }: vscode.DebugSessionCustomEvent,
): Promise<void> {
  const question = v.safeParse(KernelQuestion, body);
  if (event !== askKernel || !question.success) return;
  const answer = await answerOf(services, question.output).catch(
    (error: unknown): KernelAnswer => ({ kind: 'failed', message: describeError(error) }),
  );
  // The session may have been stopped meanwhile.
  await Promise.resolve(session.customRequest(kernelAnswer, answer)).catch(() => undefined);
}

async function answerOf(services: Services, { file, program, setup, steps }: KernelQuestion): Promise<KernelAnswer> {
  const client = await services.kernel.ownSilently();
  if (client === undefined) return { kind: 'noHelper' };
  const object = await openObject(file, services.buildOptions(vscode.Uri.file(file)));
  const instance = await kernelTestEngine(client).open(object, program, []);
  try {
    const request: TestRequest = {
      setup: setup.map(({ map, key, value }) => ({
        map,
        key: bytesOf(key),
        value: value.kind === 'bytes' ? bytesOf(value.hex) : value,
      })),
      steps: steps.map(({ packet, context: { metadata, ...context } }) => ({
        packet: bytesOf(packet),
        context: { ...given(context), ...(metadata === undefined ? {} : { metadata: bytesOf(metadata) }) },
        readMaps: [],
      })),
      capturePrintk: false,
    };
    const [outcome] = await instance.runTests([request]);
    if (outcome?.problem !== undefined) throw outcome.problem;
    const ran = (outcome?.steps ?? []).map(({ retval, packetOut, metadataOut }) => ({
      retval,
      packetOut: toHex(packetOut),
      metadataOut: toHex(metadataOut),
    }));
    return { kind: 'ran', steps: ran };
  } finally {
    await instance.close();
  }
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

/** Without what is undefined. */
function given<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
