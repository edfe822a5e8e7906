import path from 'node:path';
import { XdpError } from '../../core/errors.ts';
import { diffPages, type RawPage } from '../../core/maps/entries.ts';
import { mapSchema } from '../../core/maps/schema.ts';
import { readElf } from '../../core/elf/readElf.ts';
import { needsKernelBtf } from '../../core/vm/link/applyCore.ts';
import type { Inputs } from '../../core/vm/helpers/world.ts';
import type { LinkedObject } from '../../core/vm/link/linkedObject.ts';
import { linkObject } from '../../core/vm/link/linkObject.ts';
import {
  describeFault,
  linkOptions,
  Machine,
  type MachineOptions,
  type ProgramFault,
  type XdpRequest,
} from '../../core/vm/machine.ts';
import type { VmMap } from '../../core/vm/maps/map.ts';
import { actionName } from '../../core/xdp.ts';
import type { BpfObject } from '../bpfObject.ts';
import { engineTarget } from './target.ts';
import { isListable, type OpenMap } from '../maps/maps.ts';
import type { MapChanges, RunContext, RunRequest, RunResult } from '../run/run.ts';

/** The time is measured for at most this long: an interpreter is slow, and nobody waits for its mean. */
const measuredMs = 200;

/**
 * Runs one packet in the built-in machine, on fresh maps, without any kernel. The result has the form of a kernel's run;
 * `durationNs` is the machine's own time. A program that faults, or calls what the machine does not have, is an XdpError:
 * there is no verdict then.
 */
export function runPacketVm(object: BpfObject, request: RunRequest, possibleCpus: readonly number[]): RunResult {
  const linked = linkForVm(object, possibleCpus);
  const options = { cpuCount: possibleCpus.length, inputs: inputsOf(request.context, possibleCpus) };
  const xdpRequest = requestOf(request.program, request.packet, request.context);
  const machine = new Machine(linked, options);
  const before = machine.maps.map((map) => map.read());
  const run = machine.runXdp(xdpRequest);
  if (run.fault !== undefined) throw faultError(object, run.fault);
  return {
    action: actionName(run.retval),
    retval: run.retval,
    durationNs: measure(linked, options, xdpRequest, request.repeat),
    packetIn: request.packet,
    packetOut: run.packetOut,
    metadataOut: run.metadataOut,
    ctxOut: run.ctxOut,
    packetChanges: false,
    maps: changesOf(object, machine.maps, before, possibleCpus),
    printk: run.printk,
    printkProblem: undefined,
  };
}

/** The object as this machine's kernel would have it linked. */
export function linkForVm(object: BpfObject, possibleCpus: readonly number[]): LinkedObject {
  return linkObject(object.elf, linkOptions({ ...targetOf(object), cpuCount: possibleCpus.length }), object.spec);
}

/** The machine counts CPUs by their place among the possible ones, as per-CPU values do. */
export function inputsOf(context: RunContext, possibleCpus: readonly number[]): Inputs {
  const cpu = possibleCpus.indexOf(context.cpu ?? possibleCpus[0] ?? 0);
  if (cpu >= 0) return { cpu };
  throw new XdpError('context-invalid', `CPU ${context.cpu} does not exist.`, {
    fix: `Possible CPUs: ${possibleCpus.join(', ')}.`,
  });
}

export function requestOf(program: string, packet: Uint8Array, context: RunContext): XdpRequest {
  const { metadata, ingressIfindex, rxQueueIndex, linearBytes } = context;
  return { program, packet, metadata, ingressIfindex, rxQueueIndex, linearBytes };
}

/** Types and options of the running kernel, where the object asks for them. */
function targetOf(object: BpfObject): Pick<MachineOptions, 'kernelBtf' | 'kconfig' | 'kernelVersion'> {
  const kconfig = object.spec.maps.some((map) => map.name === '.kconfig');
  return engineTarget({ btf: needsKernelBtf(readElf(object.elf)), kconfig });
}

function changesOf(
  object: BpfObject,
  maps: readonly VmMap[],
  before: readonly RawPage[],
  possibleCpus: readonly number[],
): MapChanges[] {
  return maps.flatMap((map, index) => {
    const was = before[index];
    if (was === undefined || !isListable(map.definition.type)) return [];
    const opened = openVmMap(object, map, possibleCpus);
    const changes = diffPages(opened.schema, was, map.read());
    return changes.length === 0 ? [] : [{ map: opened, changes }];
  });
}

/** A map of the machine in the form that views and printers know. Its id is its number in the object, from 1. */
export function openVmMap(object: BpfObject, map: VmMap, possibleCpus: readonly number[]): OpenMap {
  const { name, type, keySize, valueSize, maxEntries, flags } = map.definition;
  const spec = object.spec.maps[map.number];
  const keyTypeId = spec?.keyTypeId ?? 0;
  const valueTypeId = spec?.valueTypeId ?? 0;
  const id = map.number + 1;
  const sizes = { keySize, valueSize, maxEntries, flags };
  return {
    ref: { id },
    info: { id, name, type, ...sizes, frozen: false, btfId: 0, btfKeyTypeId: keyTypeId, btfValueTypeId: valueTypeId },
    schema: mapSchema(map.definition, object.spec.btf, keyTypeId, valueTypeId, possibleCpus),
    btf: object.spec.btfBytes,
  };
}

/** Mean of repeated runs on their own fresh maps; every run gets the packet as it was given. */
function measure(linked: LinkedObject, options: MachineOptions, request: XdpRequest, repeat: number): number {
  const machine = new Machine(linked, options);
  const start = performance.now();
  let runs = 0;
  do {
    machine.runXdp(request);
    runs++;
  } while (runs < repeat && performance.now() - start < measuredMs);
  return Math.round(((performance.now() - start) * 1e6) / runs);
}

export function faultError(object: BpfObject, fault: ProgramFault): XdpError {
  const { source } = fault;
  const missing = fault.reason === 'helper';
  const details = {
    engine: 'vm',
    reason: fault.reason,
    program: fault.program,
    insn: fault.insn,
    ...(source === undefined ? {} : { file: path.resolve(path.dirname(object.file), source.file), line: source.line }),
  };
  const what = missing ? 'cannot run' : 'stopped';
  return new XdpError(
    missing ? 'not-available' : 'test-run-failed',
    `The built-in machine ${what} ${fault.program}: ${describeFault(fault)}`,
    {
      fix: missing ? 'Run it with --engine kernel.' : fixes[fault.reason],
      details,
    },
  );
}

const fixes: Readonly<Record<ProgramFault['reason'], string>> = {
  memory: 'Check the bounds before the access; the kernel refuses to load a program that does not.',
  null: 'Test the pointer before using it: a map lookup may find nothing.',
  helper: 'Run it with --engine kernel.',
  argument: 'Correct the call; the kernel refuses to load it as it is.',
  fuel: 'Bound the loop; the kernel refuses to load a program that may not end.',
  depth: 'Call fewer functions inside each other.',
  limit: 'Make the maps smaller.',
  instruction: 'Compile for the kernel that it will run on, or test with bpf_core_field_exists() first.',
};
