import type { Debuggee } from '../core/debugger/debuggee.ts';
import { decodeEntries } from '../core/maps/entries.ts';
import { toHex } from '../core/packet/hex.ts';
import type { ObjectSpec } from '../core/object/spec.ts';
import { english } from '../core/text/language.ts';
import { describeFault, Machine, type XdpRun } from '../core/vm/machine.ts';
import { actionName } from '../core/xdp.ts';
import { setUp } from '../session/engine/vmMaps.ts';
import { linkForVm } from '../session/engine/vm.ts';
import { isListable } from '../session/maps/maps.ts';
import { schemaOf } from './machineScopes.ts';
import type { Prepared } from './prepare.ts';

/** What a packet's run came to, in one line. */
export function describeOutcome(run: XdpRun, packet: Uint8Array, expected: string | undefined): string {
  if (run.fault !== undefined) return `The program stopped: ${describeFault(run.fault)}`;
  const action = actionName(run.retval);
  const changed =
    toHex(run.packetOut) === toHex(packet)
      ? 'the packet is unchanged'
      : `the packet leaves with ${run.packetOut.length} bytes`;
  const verdict = expected === undefined || expected === action ? action : `${action}, where ${expected} is expected`;
  return `${verdict}; ${changed}; ${english(`${run.insnsExecuted} instructions`)}.`;
}

/**
 * Runs the same packets through the object that the kernel would get, and says what differs: usually undefined behaviour
 * in the program, which the optimiser may turn into anything. Empty when nothing does.
 */
export function compareWithReal(prepared: Prepared, debuggee: Debuggee, outcomes: readonly XdpRun[]): string[] {
  const { real, scenario, cpus } = prepared;
  if (real === undefined) return [];
  const machine = new Machine(linkForVm(real, cpus), { cpuCount: cpus.length });
  for (const entry of prepared.request.setup) setUp(real, machine, entry);
  const differences: string[] = [];
  outcomes.forEach((own, index) => {
    const packet = scenario.packets[index];
    if (packet === undefined) return;
    machine.setInputs(packet.inputs);
    const run = machine.runXdp(packet.request);
    const where = outcomes.length > 1 ? `packet ${index + 1}: ` : '';
    const compare = (what: string, stepped: string, optimised: string): void => {
      if (stepped !== optimised)
        differences.push(`${where}${what}: ${stepped} here, ${optimised} in the optimised object`);
    };
    compare('verdict', verdictOf(own), verdictOf(run));
    compare('packet', toHex(own.packetOut), toHex(run.packetOut));
    compare('metadata', toHex(own.metadataOut), toHex(run.metadataOut));
  });
  return [
    ...differences,
    ...compareMaps(debuggee.timeline.machine, prepared.build.object.spec, machine, real.spec, cpus),
  ];
}

function verdictOf(run: XdpRun): string {
  return run.fault === undefined ? actionName(run.retval) : run.fault.message;
}

/** As values: padding holds what was there before, and each build lays out its global data in its own way. */
function compareMaps(
  own: Machine,
  ownSpec: ObjectSpec,
  real: Machine,
  realSpec: ObjectSpec,
  cpus: readonly number[],
): string[] {
  return real.maps.flatMap((map) => {
    const { name, type } = map.definition;
    const other = own.map(name);
    if (name.startsWith('.') || other === undefined || !isListable(type)) return [];
    const entries = (each: typeof map, spec: ObjectSpec): string =>
      decodeEntries(schemaOf(each, spec, cpus), each.read())
        .map((entry) => JSON.stringify(entry))
        .sort()
        .join('\n');
    return entries(map, realSpec) === entries(other, ownSpec)
      ? []
      : [`map ${name}: its entries are others in the optimised object`];
  });
}
