import { mapFlagNames } from '../../core/maps/flags.ts';
import { t, translated } from '../../core/text/language.ts';
import type { MapInfo } from '../../protocol/kernel.ts';
import { catalogueOf, type MapCatalogue } from '../../session/maps/catalogue.ts';
import { entriesOf } from '../../session/maps/count.ts';
import { parse, type Verb } from '../command.ts';
import { table } from '../output.ts';

export const maps: Verb = {
  summary: 'list the BPF maps of this system',
  usage: 'maps [--json]',
  async run(args, { output, kernel, registry }) {
    parse(this.usage, args, {}, { min: 0, max: 0 });
    const { catalogue, list, entries } = await kernel.withSystem(undefined, async (client) => {
      const found = await catalogueOf(client, registry);
      const all = mapsOf(found);
      const counted = new Map<number, number>();
      for (const map of all) {
        const count = await entriesOf(client, map);
        if (count !== undefined) counted.set(map.id, count);
      }
      return { catalogue: found, list: all, entries: counted };
    });
    const users = new Map<number, string[]>();
    for (const { program, maps: own } of catalogue.programs) {
      for (const { id } of own) users.set(id, [...(users.get(id) ?? []), program.name]);
    }
    const document = list.map(({ id, name, type, keySize, valueSize, maxEntries, flags, frozen, memoryBytes }) => ({
      id,
      name,
      type,
      keySize,
      valueSize,
      maxEntries,
      flags: mapFlagNames(flags),
      frozen,
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(entries.has(id) ? { entries: entries.get(id) } : {}),
      programs: users.get(id) ?? [],
    }));
    output.result({ maps: document }, () =>
      list.length === 0 ? t('No BPF map is loaded.') : byProgram(catalogue, entries),
    );
    return 0;
  },
};

/** Each once, by id. */
function mapsOf({ programs, others }: MapCatalogue): MapInfo[] {
  const all = new Map([...programs.flatMap(({ maps: own }) => own), ...others].map((map) => [map.id, map]));
  return [...all.values()].sort((left, right) => left.id - right.id);
}

/** A map that several programs use stands under each of them. */
function byProgram({ programs, others }: MapCatalogue, entries: ReadonlyMap<number, number>): string {
  const groups = programs.map(({ program, holder, maps: own }) => ({
    heading: `${program.name} (${program.type}, id ${program.id})${holder === undefined ? '' : `, ${translated(holder)}`}`,
    maps: own,
  }));
  if (others.length > 0) groups.push({ heading: t('used by no program'), maps: others });
  const rows = groups.flatMap((group) => group.maps.map((map) => rowOf(map, entries.get(map.id))));
  const [header = '', ...lines] = table(
    ['ID', t('NAME'), t('TYPE'), t('KEY'), t('VALUE'), t('ENTRIES'), t('MAX'), 'KIB', t('FLAGS')],
    rows,
  ).split('\n');
  let at = 0;
  return [
    `  ${header}`,
    ...groups.flatMap(({ heading, maps: { length } }) => [
      heading,
      ...lines.slice(at, (at += length)).map((line) => `  ${line}`),
    ]),
  ].join('\n');
}

function rowOf(map: MapInfo, entries: number | undefined): string[] {
  const flags = [
    ...mapFlagNames(map.flags).map((flag) => flag.replace('BPF_F_', '')),
    ...(map.frozen ? ['frozen'] : []),
  ];
  return [
    String(map.id),
    map.name,
    map.type,
    String(map.keySize),
    String(map.valueSize),
    entries === undefined ? '' : String(entries),
    String(map.maxEntries),
    map.memoryBytes === undefined ? '' : String(Math.ceil(map.memoryBytes / 1024)),
    flags.join(' '),
  ];
}
