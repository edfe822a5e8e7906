import { mapFlagNames } from '../../core/maps/flags.ts';
import { usersOfMaps } from '../../session/maps/maps.ts';
import { parse, type Verb } from '../command.ts';
import { table } from '../output.ts';

export const maps: Verb = {
  summary: 'list the BPF maps of this system',
  usage: 'maps [--json]',
  async run(args, { output, kernel }) {
    parse(this.usage, args, {}, { min: 0, max: 0 });
    const { maps: list, programs } = await kernel.withSystem(undefined, async (client) => ({
      ...(await client.call('map/list', {})),
      ...(await client.call('program/list', {})),
    }));
    const users = usersOfMaps(programs);
    // Where a kept attachment of ours stores its BTF: not a map of anybody's program.
    const ours = 'xdp_vscode_btf';
    const shown = list
      .filter(({ name }) => name !== ours)
      .map(({ id, name, type, keySize, valueSize, maxEntries, flags, frozen, memoryBytes }) => ({
        id,
        name,
        type,
        keySize,
        valueSize,
        maxEntries,
        flags: mapFlagNames(flags),
        frozen,
        ...(memoryBytes === undefined ? {} : { memoryBytes }),
        programs: users.get(id) ?? [],
      }));
    output.result({ maps: shown }, () =>
      shown.length === 0
        ? 'No BPF map is loaded.'
        : table(
            ['ID', 'NAME', 'TYPE', 'KEY', 'VALUE', 'MAX', 'KIB', 'FLAGS', 'PROGRAMS'],
            shown.map((each) => [
              String(each.id),
              each.name,
              each.type,
              String(each.keySize),
              String(each.valueSize),
              String(each.maxEntries),
              each.memoryBytes === undefined ? '' : String(Math.ceil(each.memoryBytes / 1024)),
              [...each.flags.map((flag) => flag.replace('BPF_F_', '')), ...(each.frozen ? ['frozen'] : [])].join(' ') ||
                '-',
              each.programs.join(', ') || '-',
            ]),
          ),
    );
    return 0;
  },
};
