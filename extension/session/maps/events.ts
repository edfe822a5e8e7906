import type { HelperClient } from '../../kernel/client.ts';
import type { KernelEvents } from '../../protocol/kernel.ts';
import type { OpenMap } from './maps.ts';

export type MapEvents = KernelEvents['map/events'];

/**
 * Gives `listener` what programs send to a ring buffer or a perf event array, until `stop`. Reading takes events from their
 * owner: maps that this session did not load need `force`. Errors: `map-foreign`, `map-unreadable`.
 */
export async function followEvents(
  client: HelperClient,
  map: OpenMap,
  { force }: { force: boolean },
  listener: (event: MapEvents) => void,
): Promise<{ stop: () => Promise<void> }> {
  // Events can come before the answer that says which stream is ours.
  const early: MapEvents[] = [];
  let stream: number | undefined;
  const subscription = client.on('map/events', (event) => {
    if (stream === undefined) early.push(event);
    else if (event.stream === stream) listener(event);
  });
  try {
    const answer = await client.call('events/follow', { map: map.ref, force });
    stream = answer.stream;
  } catch (error) {
    subscription.dispose();
    throw error;
  }
  for (const event of early) if (event.stream === stream) listener(event);
  const ours = stream;
  return {
    stop: async () => {
      subscription.dispose();
      await client.call('events/stop', { stream: ours });
    },
  };
}

/** Raw BTF in which the type of a map's events is found: the map's own, else that of a program that uses it. */
export async function typesOfEvents(client: HelperClient, { btf, info }: OpenMap): Promise<Uint8Array | undefined> {
  if (btf !== undefined) return btf;
  const { programs } = await client.call('program/list', {});
  const user = programs.find(({ mapIds, btfId }) => btfId !== 0 && mapIds.includes(info.id));
  return user === undefined ? undefined : (await client.call('btf/get', { id: user.btfId })).btf;
}
