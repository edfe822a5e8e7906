import { encodeEntryValue, encodeKey } from '../../../core/maps/entries.ts';
import { parseValueText } from '../../../core/maps/value.ts';
import { t } from '../../../core/text/language.ts';
import { type Context, type ExitCode, parse } from '../../command.ts';
import { withMap } from './access.ts';
import { describe } from './describe.ts';
import { namesFor, shownEntries } from './document.ts';
import { netnsOption, usages } from './usages.ts';

/** One entry; 1: there is no such key. A Bloom filter, which has no entries, is asked whether the value may be in it. */
export async function get(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(usages.get, args, netnsOption, { min: 2, max: 2 });
  const [name = '', text = ''] = positionals;
  return await withMap<ExitCode>(context, name, values.netns, async (opened) => {
    const { client, map } = opened;
    const { id, name: mapName, type } = map.info;
    const asked = parseValueText(text);
    const isBloom = type === 'bloom_filter';
    const key = isBloom ? encodeEntryValue(map.schema, asked) : encodeKey(map.schema, asked);
    const { value } = await client.call('map/lookup', { map: map.ref, key });
    const found = value !== undefined;
    if (isBloom) {
      context.output.result({ id, name: mapName, type, mayContain: found }, () =>
        found ? t('{0} may contain it.', mapName) : t('{0} does not contain it.', mapName),
      );
      return found ? 0 : 1;
    }
    const page = { count: found ? 1 : 0, keys: found ? key : new Uint8Array(0), values: value ?? new Uint8Array(0) };
    const names = await namesFor(opened, page);
    const document = {
      id,
      name: mapName,
      type,
      possibleCpus: map.schema.possibleCpus.length,
      entries: shownEntries(opened, page, names),
    };
    context.output.result(document, () => (found ? describe(opened, page, names) : t('{0} has no such key.', mapName)));
    return found ? 0 : 1;
  });
}
