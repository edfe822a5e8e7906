import { readdirSync, readFileSync } from 'node:fs';
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
import { RingBuffer } from '../../core/vm/maps/ringBuffer.ts';
import { actionName } from '../../core/xdp.ts';
import type { BpfObject } from '../bpfObject.ts';
import { engineTarget } from './target.ts';
import { isListable, type OpenMap } from '../maps/maps.ts';
import { encodeSetup } from '../packetTest/setup.ts';
import type { RunContext } from '../run/input.ts';
import { describeTarget } from '../run/redirect.ts';
import type { MapChanges, RunRequest, RunResult } from '../run/run.ts';
import { eventsOf, mapNamed, setUp, systemInterfaceIndex, valueIn } from './vmMaps.ts';

/** The time is measured for at most this long: nobody waits for a mean. */
const measuredMs = 200;

/**
 * Runs one packet in the built-in machine, on fresh maps, without any kernel. The result has the form of a kernel's run;
 * `durationNs` is the machine's own time. A program that faults, or calls what the machine does not have, is an XdpError:
 * there is no verdict then.
 */
export async function runPacketVm(
  object: BpfObject,
  request: RunRequest,
  possibleCpus: readonly number[],
): Promise<RunResult> {
  const { machine, xdpRequest } = await startWithMaps(object, request, possibleCpus);
  const maps = machine.maps.map((map) => openVmMap(object, map, possibleCpus));
  const before = machine.maps.map((map) => map.read());
  const run = machine.runXdp(xdpRequest);
  if (run.fault !== undefined) throw faultError(object, run.fault);
  const pages = new Map(machine.maps.map((map) => [map.definition.name, map.read()]));
  const events = [...eventsOf(machine, run)].map(([map, snapshot]) => ({
    map,
    ...snapshot,
    records: [...snapshot.records],
  }));
  const setting = { maps, pages, interfaces: systemInterfaces() };
  return {
    action: actionName(run.retval),
    retval: run.retval,
    durationNs: measure((await startWithMaps(object, request, possibleCpus)).machine, xdpRequest, request.repeat),
    packetIn: request.packet,
    packetOut: run.packetOut,
    metadataOut: run.metadataOut,
    ctxOut: run.ctxOut,
    packetChanges: false,
    maps: changesOf(machine.maps, maps, before),
    printk: run.printk,
    printkProblem: undefined,
    events: events.filter(({ records }) => records.length > 0),
    redirect: run.redirect === undefined ? undefined : describeTarget(run.redirect, setting),
  };
}

export interface StartedMachine {
  machine: Machine;
  xdpRequest: XdpRequest;
  /** Empties the ring buffers, as a reader does; how many records there were. */
  drainRings(): number;
}

/** A machine with fresh maps, as it is before the packet. */
export function startMachine(
  object: BpfObject,
  request: Pick<RunRequest, 'program' | 'packet' | 'context'>,
  possibleCpus: readonly number[],
): StartedMachine {
  const inputs = { ...inputsOf(request.context, possibleCpus), perfReaders: true };
  const machine = new Machine(linkForVm(object, possibleCpus), { cpuCount: possibleCpus.length, inputs });
  const rings = machine.maps.filter((map) => map instanceof RingBuffer);
  return {
    machine,
    xdpRequest: requestOf(request.program, request.packet, request.context),
    drainRings: () => rings.reduce((sum, ring) => sum + ring.drain().length, 0),
  };
}

/** The same with the request's setup in its maps. */
export async function startWithMaps(
  object: BpfObject,
  request: Pick<RunRequest, 'program' | 'packet' | 'context' | 'setups'>,
  possibleCpus: readonly number[],
): Promise<StartedMachine> {
  const started = startMachine(object, request, possibleCpus);
  const { machine } = started;
  const schemas = new Map(
    machine.maps.map((map) => [map.definition.name, openVmMap(object, map, possibleCpus).schema]),
  );
  const initialValue = (name: string, key: Uint8Array): Uint8Array | undefined => {
    const schema = schemas.get(name);
    return schema === undefined ? undefined : valueIn(machine, schema, key);
  };
  const setting = { object, instance: { schemas, initialValue }, engine: { interfaceIndex: systemInterfaceIndex } };
  for (const { name, entries } of request.setups ?? []) {
    const { schema } = openVmMap(object, mapNamed(machine, name), possibleCpus);
    for (const entry of entries) setUp(object, machine, await encodeSetup(entry, schema, setting));
  }
  return started;
}

/** Names by ifindex, where there is a Linux. */
function systemInterfaces(): ReadonlyMap<number, string> {
  try {
    const names = readdirSync('/sys/class/net');
    return new Map(names.map((name) => [Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8')), name]));
  } catch {
    return new Map();
  }
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

function changesOf(maps: readonly VmMap[], opened: readonly OpenMap[], before: readonly RawPage[]): MapChanges[] {
  return maps.flatMap((vmMap, index) => {
    const [was, map] = [before[index], opened[index]];
    if (was === undefined || map === undefined || !isListable(vmMap.definition.type)) return [];
    const changes = diffPages(map.schema, was, vmMap.read());
    return changes.length === 0 ? [] : [{ map, changes }];
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

/** Mean of repeated runs on a machine of their own; every run gets the packet as it was given. */
function measure(machine: Machine, request: XdpRequest, repeat: number): number {
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
  return new XdpError(
    missing ? 'not-available' : 'test-run-failed',
    missing
      ? `The built-in machine cannot run ${fault.program}: ${describeFault(fault)}`
      : `The built-in machine stopped ${fault.program}: ${describeFault(fault)}`,
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
