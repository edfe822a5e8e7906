import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { Event } from '@vscode/debugadapter';
import * as v from 'valibot';
import { XdpError } from '../core/errors.ts';
import { toHex } from '../core/packet/hex.ts';
import type { XdpRun } from '../core/vm/machine.ts';
import { actionName } from '../core/xdp.ts';
import { askKernel, KernelAnswer, kernelAnswer, type KernelQuestion } from '../protocol/debug.ts';
import type { BpfObject } from '../session/bpfObject.ts';
import { KernelAccess } from '../session/kernelAccess.ts';
import type { StepOutcome, TestRequest } from '../session/packetTest/engine.ts';
import { kernelTestEngine } from '../session/packetTest/kernel.ts';
import type { Prepared } from './prepare.ts';

/** What the kernel made of one packet. */
export type KernelStep = Pick<StepOutcome, 'retval' | 'packetOut' | 'metadataOut'>;

/**
 * Runs the packets in this machine's kernel, on fresh maps, where that can be done without asking anybody for a password;
 * undefined where it cannot. Throws XdpError where the kernel does not run the program.
 */
export async function kernelSteps(
  real: BpfObject,
  { program, request }: Prepared,
  helperPath: string,
): Promise<KernelStep[] | undefined> {
  if (process.platform !== 'linux' || !existsSync(helperPath)) return undefined;
  const access = new KernelAccess({ helperPath, execPath: process.execPath, elevation: 'auto' });
  try {
    const client = await access.ownSilently();
    if (client === undefined) return undefined;
    const instance = await kernelTestEngine(client).open(real, program, []);
    try {
      const [answer] = await instance.runTests([request]);
      if (answer?.problem !== undefined) throw answer.problem;
      return answer?.steps ?? [];
    } finally {
      await instance.close();
    }
  } finally {
    await access.dispose();
  }
}

/** What differs from what was stepped through. */
export function compareWithKernel(outcomes: readonly XdpRun[], steps: readonly KernelStep[]): string[] {
  return steps.flatMap((step, index) => {
    const own = outcomes[index];
    if (own === undefined) return [];
    const where = outcomes.length > 1 ? `packet ${index + 1}: ` : '';
    const differences: string[] = [];
    const compare = (what: string, stepped: string, kernel: string): void => {
      if (stepped !== kernel) differences.push(`${where}${what}: ${stepped} here, ${kernel} in the kernel`);
    };
    compare('verdict', own.fault === undefined ? actionName(own.retval) : own.fault.message, actionName(step.retval));
    compare('packet', toHex(own.packetOut), toHex(step.packetOut));
    compare('metadata', toHex(own.metadataOut), toHex(step.metadataOut));
    return differences;
  });
}

/** A program that the kernel does not finish in this time has no answer. */
const answerMs = 15_000;

/** The kernel as the extension can ask it: its helper may run already. */
export class ExtensionKernel {
  private readonly send: (event: Event) => void;
  private answered: ((answer: KernelAnswer) => void) | undefined;

  constructor(send: (event: Event) => void) {
    this.send = send;
  }

  /** Undefined where nobody can ask. Throws XdpError where the kernel does not run the program. */
  async steps(real: BpfObject, prepared: Prepared): Promise<KernelStep[] | undefined> {
    const question = questionOf(real, prepared);
    if (question === undefined) return undefined;
    const answer = new Promise<KernelAnswer>((resolve) => (this.answered = resolve));
    this.send(new Event(askKernel, question));
    const late = setTimeout(answerMs, { kind: 'noHelper' } as const, { ref: false });
    const given = await Promise.race([answer, late]);
    switch (given.kind) {
      case 'ran':
        return stepsOf(given);
      case 'failed':
        throw new XdpError('test-run-failed', given.message);
      case 'noHelper':
        return undefined;
    }
  }

  /** A custom request: true for the answer. */
  receive(command: string, args: unknown): boolean {
    const answer = v.safeParse(KernelAnswer, args);
    if (command !== kernelAnswer || !answer.success) return false;
    this.answered?.(answer.output);
    return true;
  }
}

/** Undefined for what cannot be sent: maps that are made for the test. */
function questionOf(real: BpfObject, { program, request }: Prepared): KernelQuestion | undefined {
  const setup: KernelQuestion['setup'] = [];
  for (const { map, key, value } of request.setup) {
    const sent = sentValue(value);
    if (sent === undefined) return undefined;
    setup.push({ map, key: toHex(key), value: sent });
  }
  const steps = request.steps.map(({ packet, context: { metadata, ...context } }) => ({
    packet: toHex(packet),
    context: { ...context, ...(metadata === undefined ? {} : { metadata: toHex(metadata) }) },
  }));
  return { file: real.file, program, setup, steps };
}

function sentValue(value: TestRequest['setup'][number]['value']): KernelQuestion['setup'][number]['value'] | undefined {
  if (value instanceof Uint8Array) return { kind: 'bytes', hex: toHex(value) };
  return value.kind === 'newMap' ? undefined : value;
}

function stepsOf({ steps }: Extract<KernelAnswer, { kind: 'ran' }>): KernelStep[] {
  return steps.map(({ retval, packetOut, metadataOut }) => ({
    retval,
    packetOut: Buffer.from(packetOut, 'hex'),
    metadataOut: Buffer.from(metadataOut, 'hex'),
  }));
}
