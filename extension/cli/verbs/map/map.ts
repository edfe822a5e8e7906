import { usageError, type Verb } from '../../command.ts';
import { meant } from '../../habits.ts';
import { compare, snapshot } from './snapshots.ts';
import { clear, remove, set } from './edit.ts';
import { events } from './events.ts';
import { exportMap, importMap } from './exchange.ts';
import { get } from './get.ts';
import { read } from './read.ts';
import { usages } from './usages.ts';

const actions = {
  get,
  set,
  delete: remove,
  clear,
  export: exportMap,
  import: importMap,
  snapshot,
  compare,
  events,
} as const;

export const map: Verb = {
  summary: 'read, watch, change, export or compare one map',
  usage: Object.values(usages).join('\n       xdp '),
  async run(args, context) {
    const [word, ...rest] = args;
    if (word === undefined) throw usageError('An argument is missing.', this.usage);
    if (Object.hasOwn(actions, word)) return await actions[word as keyof typeof actions](rest, context);
    // One map is read; what stands before another argument was meant to be done with it.
    if (rest[0] !== undefined && !rest[0].startsWith('-')) {
      const hints = meant('action', word, Object.keys(actions));
      throw usageError(`There is no action ${word} on a map.`, this.usage, hints);
    }
    return await read(args, context);
  },
};
