import { toErrorData, type XdpErrorData } from '../../core/errors.ts';
import type { BpfObject } from '../bpfObject.ts';
import { type Facts, neededCapabilities } from './facts.ts';
import type { Check, DoctorMachine } from './machine.ts';
import type { Privilege } from './privilege.ts';

/** What only trying shows: headers that are there, a helper that starts, a kernel that takes the program. */
export async function trialChecks(machine: DoctorMachine, facts: Facts, privilege: Privilege): Promise<Check[]> {
  const compiled = await compile(machine);
  return [compileCheck(compiled), helperCheck(privilege), await loadCheck(compiled, facts, privilege)];
}

type Compiled = { object: BpfObject } | { error: XdpErrorData };

async function compile(machine: DoctorMachine): Promise<Compiled> {
  try {
    return { object: await machine.compileTrial() };
  } catch (error) {
    return { error: toErrorData(error) };
  }
}

function compileCheck(compiled: Compiled): Check {
  const check = { id: 'compile', title: 'Compile', required: true } as const;
  if ('object' in compiled) return { ...check, status: 'ok', detail: 'a small XDP program compiles' };
  return { ...check, status: 'missing', ...failure(compiled.error) };
}

function helperCheck({ started, way }: Privilege): Check {
  const check = { id: 'helper', title: 'Kernel helper', required: true } as const;
  if (started === undefined) return { ...check, status: 'unknown', detail: notStarted(way) };
  if ('error' in started) return { ...check, status: 'missing', ...failure(started.error) };
  const lacks = neededCapabilities.filter((name) => !started.client.hello.capabilities.includes(name));
  if (lacks.length === 0) return { ...check, status: 'ok', detail: `starts, with ${neededCapabilities.join(', ')}` };
  return { ...check, status: 'missing', detail: `starts, but without ${lacks.join(', ')}` };
}

async function loadCheck(compiled: Compiled, facts: Facts, { started, way }: Privilege): Promise<Check> {
  const check = { id: 'load', title: 'Load', required: true } as const;
  if (!('object' in compiled)) return { ...check, status: 'unknown', detail: 'not tried: there is nothing to load' };
  if (started === undefined) return { ...check, status: 'unknown', detail: notStarted(way) };
  if ('error' in started) return { ...check, status: 'unknown', detail: 'not tried: the helper did not start' };
  try {
    const verdicts = await started.client.verify(compiled.object);
    const refused = verdicts.find(({ verdict }) => verdict !== 'accepted');
    if (verdicts.length > 0 && refused === undefined) {
      return { ...check, status: 'ok', detail: 'the kernel takes a small XDP program (it was not attached)' };
    }
    const why = refused?.reason ?? refused?.failure?.message ?? 'it gave no verdict';
    return {
      ...check,
      status: 'missing',
      detail: `the kernel refused a small XDP program: ${why}`,
      ...refusalFix(facts),
    };
  } catch (error) {
    const { detail, ...rest } = failure(toErrorData(error));
    return {
      ...check,
      status: 'missing',
      detail: `the kernel refused a small XDP program: ${detail}`,
      ...refusalFix(facts),
      ...rest,
    };
  }
}

function refusalFix(facts: Facts): { fix?: string } {
  if (facts.container === undefined || !facts.seccomp) return {};
  return { fix: 'The container filters system calls: start it with --security-opt seccomp=unconfined' };
}

function notStarted(way: Privilege['way']): string {
  return way === 'none'
    ? 'not tried: there is no way to the privilege that it takes'
    : 'not tried: starting the helper would ask for a password';
}

function failure({ message, fix }: XdpErrorData): { detail: string; fix?: string } {
  return { detail: message, ...(fix === undefined ? {} : { fix }) };
}
