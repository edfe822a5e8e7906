import type { MapInfo, ProgramInfo } from '../../protocol/kernel.ts';
import type { AttachmentRegistry } from '../attach/registry.ts';
import type { HelperClient, KernelAccess } from '../kernelAccess.ts';

/** A program of this system and the maps that it uses. */
export interface ProgramMaps {
  program: ProgramInfo;
  /** `xdp attach (process 123)` or the like, when a session of this user holds it. */
  holder: string | undefined;
  maps: MapInfo[];
}

export interface MapCatalogue {
  /** XDP programs first, those of this user's other sessions before all. */
  programs: ProgramMaps[];
  /** Maps that no program uses: pinned, inside another map, or held by a process. */
  others: MapInfo[];
}

/** Where a kept attachment of ours stores its BTF: not a map of anybody's program. */
const ourStore = 'xdp_vscode_btf';

/** Every map of the system by program. Needs CAP_SYS_ADMIN, so it is an action of its own and asks for a password where one is needed. */
export async function readCatalogue(
  kernel: KernelAccess,
  registry: AttachmentRegistry,
  netns: string | undefined,
): Promise<MapCatalogue> {
  return await kernel.withSystem(netns, (client) => catalogueOf(client, registry));
}

/** The same for who has more to ask the helper that may: starting another one could mean another password. */
export async function catalogueOf(client: HelperClient, registry: AttachmentRegistry): Promise<MapCatalogue> {
  const { maps } = await client.call('map/list', {});
  const { programs } = await client.call('program/list', {});
  const holders = new Map((await registry.all()).map((record) => [record.key.progId, record.holder]));
  return groupByProgram(maps, programs, holders);
}

export function groupByProgram(
  maps: readonly MapInfo[],
  programs: readonly ProgramInfo[],
  holders: ReadonlyMap<number, string>,
): MapCatalogue {
  const shown = maps.filter(({ name }) => name !== ourStore);
  const byId = new Map(shown.map((map) => [map.id, map]));
  const used = new Set<number>();
  const groups = programs.flatMap((program): ProgramMaps[] => {
    const own = program.mapIds.flatMap((id) => byId.get(id) ?? []);
    for (const { id } of own) used.add(id);
    return own.length === 0 ? [] : [{ program, holder: holders.get(program.id), maps: own }];
  });
  const rank = ({ program, holder }: ProgramMaps): number =>
    holder !== undefined ? 0 : program.type === 'xdp' ? 1 : 2;
  return {
    programs: groups.sort((a, b) => rank(a) - rank(b) || a.program.id - b.program.id),
    others: shown.filter(({ id }) => !used.has(id)),
  };
}
