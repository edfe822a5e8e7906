import { XdpError } from '../../core/errors.ts';
import { diffPages, type RawPage } from '../../core/maps/entries.ts';
import { actionName } from '../../core/xdp.ts';
import type { BpfObject } from '../bpfObject.ts';
import { isListable, type OpenMap } from '../maps/maps.ts';
import type { MapChanges } from '../run/run.ts';
import type { SequenceRequest, SequenceResult, SequenceRow } from '../run/sequence.ts';
import { faultError, openVmMap, startWithMaps } from './vm.ts';

/** Packets one after the other in the built-in machine, on maps that keep what one wrote for the next. */
export async function runSequenceVm(
  object: BpfObject,
  { packets, ...request }: SequenceRequest,
  possibleCpus: readonly number[],
): Promise<SequenceResult> {
  const started = await startWithMaps(object, { ...request, packet: new Uint8Array(0) }, possibleCpus);
  const { machine, xdpRequest } = started;
  const maps = machine.maps.filter(({ definition }) => isListable(definition.type));
  const before = maps.map((map): RawPage => map.read());
  const rows = packets.map((packet, index): SequenceRow => {
    const about = { number: index + 1, packetIn: packet };
    try {
      const run = machine.runXdp({ ...xdpRequest, packet });
      if (run.fault !== undefined) throw faultError(object, run.fault);
      const { retval, packetOut, metadataOut } = run;
      const events = run.perfEvents.length + started.drainRings();
      return { ...about, outcome: { kind: 'ran', action: actionName(retval), retval, packetOut, metadataOut, events } };
    } catch (error) {
      if (!(error instanceof XdpError)) throw error;
      return { ...about, outcome: { kind: 'refused', error } };
    }
  });
  const changed = maps.flatMap((map, index): MapChanges[] => {
    const opened: OpenMap = openVmMap(object, map, possibleCpus);
    const was = before[index];
    const changes = was === undefined ? [] : diffPages(opened.schema, was, map.read());
    return changes.length === 0 ? [] : [{ map: opened, changes }];
  });
  return { rows, maps: changed };
}
