import { readBtf } from '../../../core/btf/readBtf.ts';
import { XdpError } from '../../../core/errors.ts';
import { decodeEvent, eventLayout, eventTypes, findEventType } from '../../../core/maps/events.ts';
import type { Layout } from '../../../core/maps/layout.ts';
import { toHex } from '../../../core/maps/text.ts';
import { followEvents, typesOfEvents } from '../../../session/maps/events.ts';
import { type Context, type ExitCode, parse } from '../../command.ts';
import { withMap, type OpenedMap } from './access.ts';
import { text } from './describe.ts';
import { netnsOption, usages } from './usages.ts';

const options = { ...netnsOption, type: { type: 'string' }, force: { type: 'boolean' } } as const;

/** Prints what programs send to a ring buffer or a perf event array, one record a line, until it is stopped. */
export async function events(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(usages.events, args, options, { min: 1, max: 1 });
  await withMap(context, positionals[0] ?? '', values.netns, async (opened) => {
    const layout = values.type === undefined ? undefined : await layoutFor(opened, values.type);
    const stream = await followEvents(opened.client, opened.map, { force: values.force ?? false }, (event) => {
      for (const { cpu, data } of event.records) {
        const value = decodeEvent(layout, data);
        const line = {
          atNs: event.atNs.toString(),
          ...(cpu === undefined ? {} : { cpu }),
          ...(value === undefined ? {} : { value }),
          hex: toHex(data),
        };
        context.output.result(line, () => (value === undefined ? line.hex : text(value)));
      }
      if (event.lost > 0) context.output.note(`${event.lost} events were lost: the buffer was full.`);
      if (event.left > 0) context.output.note(`${event.left} events are not shown: there were too many.`);
    });
    try {
      await aborted(context.signal);
    } finally {
      await stream.stop();
    }
  });
  return 0;
}

async function layoutFor({ client, map }: OpenedMap, name: string): Promise<Layout | undefined> {
  const bytes = await typesOfEvents(client, map);
  const btf = bytes === undefined ? undefined : readBtf(bytes);
  const type = btf === undefined ? undefined : findEventType(btf, name);
  if (btf !== undefined && type !== undefined) return eventLayout(btf, type);
  const names = btf === undefined ? [] : eventTypes(btf).map((each) => each.name);
  throw new XdpError('value-invalid', `The programs that use ${map.info.name} have no struct ${name}.`, {
    fix:
      btf === undefined
        ? 'No program that is loaded uses it and carries types (BTF): compile with -g.'
        : `BTF has ${names.slice(0, 20).join(', ') || 'none'}. A struct that only lives on the stack is not in it: name it in a global, const struct ${name} *unused.`,
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
