import { bpffsCheck, tracefsCheck } from './fileSystemChecks.ts';
import { type Facts, osField, readFacts, textOf } from './facts.ts';
import {
  btfCheck,
  jitCheck,
  kernelCheck,
  lockdownCheck,
  memlockCheck,
  optionChecks,
  unprivilegedCheck,
  wslCheck,
} from './kernelChecks.ts';
import type { Check, DoctorMachine } from './machine.ts';
import { adminInstallCheck, capabilitiesCheck, containerCheck, findPrivilege } from './privilege.ts';
import { clangCheck, libbpfCheck, nodeCheck, toolChecks } from './toolChecks.ts';
import { trialChecks } from './trialChecks.ts';

export type { Check };

export interface Diagnosis {
  /** XDP programs can be compiled, loaded and attached here, possibly after a password. */
  ok: boolean;
  checks: Check[];
}

/**
 * What this machine can and cannot do. Asks nobody anything; starts the kernel helper only where that takes no password,
 * and then has the kernel load one small program, which is the only proof. Attaches nothing.
 */
export async function examine(machine: DoctorMachine): Promise<Diagnosis> {
  const checks = machine.platform === 'linux' ? await examineLinux(machine) : await examineOther(machine);
  return { ok: !checks.some(({ required, status }) => required && status === 'missing'), checks };
}

async function examineLinux(machine: DoctorMachine): Promise<Check[]> {
  const facts = await readFacts(machine);
  const lockdownPath = '/sys/kernel/security/lockdown';
  // Before the helper is started, which may mount what is missing.
  const lockdown = { text: textOf(await machine.read(lockdownPath)), exists: await machine.exists(lockdownPath) };
  const tracefs = tracefsCheck(machine, facts, lockdown.text);
  const [options, btf, jit, unprivileged, memlock] = await Promise.all([
    optionChecks(machine, facts),
    btfCheck(machine, facts),
    jitCheck(machine, facts),
    unprivilegedCheck(machine),
    memlockCheck(machine, facts),
  ]);
  const privilege = await findPrivilege(machine, facts);
  try {
    const checks: Check[] = [
      osCheck(machine, facts),
      kernelCheck(machine, facts),
      ...wslCheck(facts),
      containerCheck(facts),
      ...options,
      btf,
      jit,
      lockdown.text === '' && facts.wsl === 1 ? undefined : lockdownCheck(facts, lockdown),
      unprivileged,
      memlock,
      bpffsCheck(facts, privilege, machine.uid),
      tracefs,
      capabilitiesCheck(facts),
      privilege.check,
      adminInstallCheck(machine.adminInstall()),
      await clangCheck(machine, true),
      await libbpfCheck(machine, facts, privilege),
      ...(await toolChecks(machine, facts, privilege)),
      nodeCheck(machine),
      ...(await trialChecks(machine, facts, privilege)),
      builtInMachineCheck(),
    ].filter((check) => check !== undefined);
    return provenByTrial(checks);
  } finally {
    if (privilege.started && 'client' in privilege.started) await privilege.started.client.dispose();
  }
}

/** A kernel that took the program outweighs what its version or configuration file lets one expect. */
function provenByTrial(checks: readonly Check[]): Check[] {
  const tried = ['compile', 'helper', 'load'];
  const proven = tried.every((id) => checks.find((check) => check.id === id)?.status === 'ok');
  return checks.map((check) =>
    proven && check.required && check.status === 'missing' ? { ...check, status: 'warning' } : check,
  );
}

async function examineOther(machine: DoctorMachine): Promise<Check[]> {
  const name = { darwin: 'macOS', win32: 'Windows' }[machine.platform] ?? machine.platform;
  const os: Check = {
    id: 'os',
    title: 'System',
    required: true,
    status: 'missing',
    detail: `${name} (${machine.arch}): XDP programs are loaded by a Linux kernel`,
    fix: 'Open the folder on a Linux machine: over Remote-SSH, in WSL 2, or in a virtual machine.',
  };
  return [os, await clangCheck(machine, false), nodeCheck(machine), builtInMachineCheck()];
}

function osCheck(machine: DoctorMachine, facts: Facts): Check {
  const name = osField(facts.osRelease, 'PRETTY_NAME') || osField(facts.osRelease, 'NAME');
  const check = { id: 'os', title: 'System', required: false } as const;
  if (name === '')
    return { ...check, status: 'unknown', detail: `Linux (${machine.arch}): there is no /etc/os-release` };
  return { ...check, status: 'ok', detail: `${name}, ${machine.arch}` };
}

function builtInMachineCheck(): Check {
  return {
    id: 'built-in-machine',
    title: 'Built-in machine',
    required: false,
    status: 'ok',
    detail: 'needs no kernel and no privilege: xdp test --engine vm, run --engine vm, packet, inspect, explain',
  };
}
