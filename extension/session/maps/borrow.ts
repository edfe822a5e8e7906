import type { HelperClient } from '../../kernel/client.ts';
import type { KernelAccess } from '../kernelAccess.ts';
import { type OpenMap, openMap } from './maps.ts';

/** A map of somebody else, held by our own helper. */
export interface BorrowedMap {
  map: OpenMap;
  client: HelperClient;
  /** The kernel keeps the map as long as it is held, even when its owner is gone: let go when nobody looks any more. */
  readonly release: () => Promise<void>;
}

/**
 * Opens maps of other sessions or other tools so that they can be watched: a short-lived helper with CAP_SYS_ADMIN finds them by
 * id and hands them over. Whoever asked for them releases each. Errors: `privilege`, `map-not-found`, `environment` (no bpffs).
 */
export async function borrowMaps(
  kernel: KernelAccess,
  netns: string | undefined,
  ids: readonly number[],
): Promise<BorrowedMap[]> {
  const own = await kernel.own(netns);
  return await kernel.withSystem(netns, async (system) => {
    const borrowed: BorrowedMap[] = [];
    try {
      for (const id of ids) {
        const map = await openMap(system, { id });
        const { pin } = await system.call('map/lend', { id });
        await own.call('map/take', { pin });
        const release = async (): Promise<void> => {
          await own.call('map/release', { id });
        };
        borrowed.push({ map, client: own, release });
      }
    } catch (error) {
      await Promise.all(borrowed.map(({ release }) => release()));
      throw error;
    }
    return borrowed;
  });
}
