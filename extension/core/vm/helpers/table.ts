import { Fault } from '../memory/regions.ts';
import type { Helper } from './call.ts';
import { dynptrHelpers } from './dynptr.ts';
import { eventHelpers } from './eventHelpers.ts';
import { mapHelpers } from './mapHelpers.ts';
import { helperName } from './names.ts';
import { networkHelpers } from './networkHelpers.ts';
import { systemHelpers } from './systemHelpers.ts';
import { tcpHelpers } from './tcpHelpers.ts';
import { timerHelpers } from './timerHelpers.ts';
import { xdpHelpers } from './xdpHelpers.ts';

/** Every helper that the machine has, by number. The one table of all engines. */
export const helpers: ReadonlyMap<number, Helper> = new Map(
  [
    ...mapHelpers,
    ...xdpHelpers,
    ...systemHelpers,
    ...eventHelpers,
    ...dynptrHelpers,
    ...networkHelpers,
    ...tcpHelpers,
    ...timerHelpers,
  ].flatMap((helper) => (helper.id === undefined ? [] : [[helper.id, helper]])),
);

/** Why a helper cannot run: not here, or nowhere. */
export function unknownHelper(id: number): Fault {
  const name = helperName(id);
  if (name === undefined) return new Fault('helper', `there is no helper number ${id}`);
  return new Fault('helper', `${name} (helper ${id}) is not available in the built-in machine`);
}
