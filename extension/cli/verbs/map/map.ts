import { XdpError } from '../../../core/errors.ts';
import type { Verb } from '../../command.ts';
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
  usage: Object.values(usages).join('\n    xdp '),
  async run(args, context) {
    const [word, ...rest] = args;
    if (word === undefined) throw new XdpError('usage', 'An argument is missing.', { fix: `Usage: xdp ${this.usage}` });
    if (Object.hasOwn(actions, word)) return await actions[word as keyof typeof actions](rest, context);
    return await read(args, context);
  },
};
