import { expect, test, vi } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { mapSchema } from '../../extension/core/maps/schema.ts';
import { MapFeed, type FeedOptions } from '../../extension/host/maps/mapFeed.ts';
import type { Services } from '../../extension/host/services.ts';
import type { MapInfo, MapUse } from '../../extension/protocol/kernel.ts';
import type { ToMapsView } from '../../extension/protocol/webview.ts';
import type { AttachmentEvent, LiveAttachment } from '../../extension/session/attach/attachments.ts';
import type { HelperClient } from '../../extension/session/kernelAccess.ts';

vi.mock('vscode', () => ({
  l10n: {
    t: (text: string, ...values: unknown[]) => text.replace(/\{(\d)\}/g, (_, at: string) => String(values[Number(at)])),
  },
}));

const infoOf = (id: number, name: string): MapInfo => ({
  id,
  name,
  type: 'hash',
  keySize: 4,
  valueSize: 4,
  maxEntries: 8,
  flags: 0,
  frozen: false,
  btfId: 0,
  btfKeyTypeId: 0,
  btfValueTypeId: 0,
});

const openOf = (id: number, name: string): LiveAttachment['maps'][number] => {
  const info = infoOf(id, name);
  return { ref: { id }, info, schema: mapSchema(info, undefined, 0, 0, [0]), btf: undefined };
};

const attachment = (program: string, iface: string, ...maps: [id: number, name: string][]): LiveAttachment =>
  ({
    program,
    iface,
    mode: 'generic',
    netns: undefined,
    client: {},
    maps: maps.map(([id, name]) => openOf(id, name)),
  }) as unknown as LiveAttachment;

/** A host with these attachments, whose helper lends the maps that `lends` lets it. */
function machine() {
  const live: LiveAttachment[] = [];
  const listeners = new Set<(event: AttachmentEvent) => void>();
  /** Maps that the helper holds: how often each. */
  const held = new Map<number, number>();
  const waiting: (() => void)[] = [];
  /** Who uses the maps that are held, and how often that was asked. */
  const uses = new Map<number, MapUse>();
  const asked = { count: 0 };
  const lent = { delayed: false, problem: undefined as XdpError | undefined };
  const hold = (id: number, by: number): void => void held.set(id, (held.get(id) ?? 0) + by);
  const own = {
    hello: { possibleCpus: [0] },
    call: async (method: string, { id, pin, ids }: { id: number; pin: string; ids: number[] }) => {
      if (method === 'map/take') hold(Number(pin), 1);
      if (method === 'map/release') hold(id, -1);
      if (method === 'map/uses') {
        asked.count++;
        return { maps: ids.flatMap((each) => uses.get(each) ?? []) };
      }
      return {};
    },
  };
  const system = {
    hello: { possibleCpus: [0] },
    call: async (method: string, { id, map }: { id: number; map: { id: number } }) => {
      if (lent.delayed) await new Promise<void>((resolve) => void waiting.push(resolve));
      if (lent.problem !== undefined) throw lent.problem;
      return method === 'map/info' ? infoOf(map.id, 'theirs') : { pin: String(id) };
    },
  };
  const services = {
    attachments: {
      live,
      onDidChange: (listener: (event: AttachmentEvent) => void) => {
        listeners.add(listener);
        return { dispose: () => void listeners.delete(listener) };
      },
    },
    kernel: {
      own: async () => own,
      withSystem: async <T>(_netns: undefined, action: (client: HelperClient) => Promise<T>) =>
        await action(system as unknown as HelperClient),
    },
    milestones: { reach: () => undefined },
  } as unknown as Services;
  const fire = (event: AttachmentEvent): void => {
    for (const listener of listeners) listener(event);
  };
  return {
    held,
    lent,
    uses,
    asked,
    attach: (one: LiveAttachment): void => {
      live.push(one);
      fire({ kind: 'attached', attachment: one });
    },
    detach: (one: LiveAttachment): void => {
      live.splice(live.indexOf(one), 1);
      fire({ kind: 'detached', attachment: one });
    },
    replace: (before: LiveAttachment, one: LiveAttachment): void => {
      live.splice(live.indexOf(before), 1, one);
      fire({ kind: 'replaced', attachment: one, before });
    },
    /** Lets the helper answer all that it was asked, and what is asked then. */
    answer: async (): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        for (const resolve of waiting.splice(0)) resolve();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    open: (options: FeedOptions) => {
      const said: ToMapsView[] = [];
      const feed = new MapFeed(services, (message) => said.push(message), options);
      const last = <K extends ToMapsView['kind']>(kind: K): Extract<ToMapsView, { kind: K }> | undefined =>
        said.findLast((message): message is Extract<ToMapsView, { kind: K }> => message.kind === kind);
      feed.receive({ kind: 'ready' });
      return {
        feed,
        said,
        /** The chosen map, or why there is none. */
        shows: (): unknown => last('maps')?.selected ?? last('maps')?.over?.reason,
        /** What the button of the notice would do, while there is a notice. */
        offers: (): string | undefined => {
          const at = said.findLastIndex(({ kind }) => kind === 'clearProblem');
          const problem = last('problem');
          return problem !== undefined && said.lastIndexOf(problem) > at ? problem.action?.command : undefined;
        },
      };
    },
  };
}

test('a tab of a program that is detached shows no other map, and goes on when the program is back', () => {
  const { attach, detach, open } = machine();
  const first = attachment('drop', 'veth0', [1, 'counts'], [2, 'list']);
  attach(first);
  attach(attachment('other', 'veth1', [3, 'counts']));
  const tab = open({ about: { id: 1, name: 'counts' } });
  const panel = open({});
  expect(tab.shows()).toBe(1);
  detach(first);
  expect(tab.shows()).toBe('drop is not attached to veth0 any more. Once it is again, its map is shown here.');
  // Another program of the same name elsewhere counts something else.
  attach(attachment('drop', 'veth2', [4, 'counts']));
  expect(tab.shows()).toMatch(/not attached to veth0/);
  attach(attachment('drop', 'veth0', [5, 'list']));
  expect(tab.shows()).toBe('drop on veth0 does not have it any more.');
  attach(attachment('drop', 'veth0', [6, 'list'], [7, 'counts']));
  expect(tab.shows()).toBe(7);
  // The side panel shows what was attached last.
  expect(panel.shows()).toBe(6);
});

test('a tab goes on with what takes the place of its program, also another function', () => {
  const { attach, replace, open } = machine();
  const first = attachment('drop', 'veth0', [1, 'counts']);
  attach(first);
  attach(attachment('other', 'veth1', [2, 'counts']));
  const tab = open({ about: { id: 1, name: 'counts' } });
  const second = attachment('drop_v2', 'veth0', [3, 'more'], [4, 'counts']);
  replace(first, second);
  expect(tab.shows()).toBe(4);
  replace(second, attachment('drop_v3', 'veth0', [5, 'more']));
  expect(tab.shows()).toBe('drop_v3 on veth0 does not have it any more.');
});

test('a tab from before a reload is about the map it showed, and not about one that has its number now', () => {
  const { attach, open } = machine();
  attach(attachment('other', 'veth1', [1, 'flows']));
  const tab = open({ about: { id: 1, name: 'counts', owner: { program: 'drop', iface: 'veth0' } } });
  expect(tab.shows()).toMatch(/not attached to veth0/);
  attach(attachment('drop', 'veth0', [9, 'counts']));
  expect(tab.shows()).toBe(9);
  tab.feed.receive({ kind: 'select', mapId: 1 });
  attach(attachment('third', 'veth3', [10, 'counts']));
  expect(tab.shows()).toBe(1);
});

test('Open Again borrows a map once, however often it is pressed', async () => {
  const { attach, held, lent, answer, open } = machine();
  attach(attachment('other', 'veth1', [1, 'counts']));
  const tab = open({ about: { id: 50, name: 'theirs' }, offer: 'It was opened by hand.' });
  expect([tab.shows(), tab.offers()]).toEqual([undefined, 'reopenMap']);
  lent.delayed = true;
  for (let press = 0; press < 3; press++) tab.feed.receive({ kind: 'action', command: 'reopenMap' });
  await answer();
  expect(held).toEqual(new Map([[50, 1]]));
  expect([tab.shows(), tab.offers()]).toEqual([50, undefined]);
  tab.feed.dispose();
  await answer();
  expect(held).toEqual(new Map([[50, 0]]));
});

test('a tab that is closed while its map is borrowed leaves nothing held', async () => {
  const { held, lent, answer, open } = machine();
  const tab = open({ about: { id: 50, name: 'theirs' }, offer: 'It was opened by hand.' });
  lent.delayed = true;
  tab.feed.receive({ kind: 'action', command: 'reopenMap' });
  await new Promise((resolve) => setImmediate(resolve));
  tab.feed.dispose();
  await answer();
  expect(held).toEqual(new Map([[50, 0]]));
});

test('after the helper was started again the map is borrowed anew, once; what is gone is said, and what failed is offered', async () => {
  const { attach, held, lent, answer, open } = machine();
  const tab = open({ about: { id: 50, name: 'theirs' }, offer: 'It was opened by hand.' });
  tab.feed.receive({ kind: 'action', command: 'reopenMap' });
  await answer();
  const restart = async (): Promise<void> => {
    // The helper that held it is no more.
    held.clear();
    lent.delayed = true;
    const resumed = Promise.all([tab.feed.resume(), tab.feed.resume()]);
    await new Promise((resolve) => setImmediate(resolve));
    const before = tab.said.length;
    attach(attachment('other', 'veth1', [1, 'counts']));
    expect(tab.said.slice(before).some((message) => message.kind === 'maps' && message.over !== undefined)).toBe(false);
    await answer();
    await resumed;
  };
  await restart();
  expect([held, tab.shows()]).toEqual([new Map([[50, 1]]), 50]);
  lent.problem = new XdpError('privilege', 'sudo did not let us.');
  await restart();
  expect([tab.shows(), tab.offers()]).toEqual([undefined, 'reopenMap']);
  lent.problem = undefined;
  tab.feed.receive({ kind: 'action', command: 'reopenMap' });
  await answer();
  expect([held, tab.shows(), tab.offers()]).toEqual([new Map([[50, 1]]), 50, undefined]);
  lent.problem = new XdpError('map-not-found', 'There is no map with id 50');
  await restart();
  expect([tab.shows(), tab.offers()]).toEqual(['There is no map with id 50', undefined]);
});

test('who chooses another map is not asked any more whether to open the one before', () => {
  const { attach, open } = machine();
  attach(attachment('other', 'veth1', [1, 'counts']));
  const tab = open({ about: { id: 50, name: 'theirs' }, offer: 'It was opened by hand.' });
  expect(tab.offers()).toBe('reopenMap');
  tab.feed.receive({ kind: 'select', mapId: 1 });
  attach(attachment('third', 'veth2', [2, 'more']));
  expect([tab.shows(), tab.offers()]).toEqual([1, undefined]);
});

test('a map that no program uses any more is marked, and its place is taken by the newer one when that is asked for', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const { held, uses, asked, answer, open } = machine();
    const tab = open({ about: { id: 50, name: 'theirs' }, offer: 'It was opened by hand.' });
    const unused = () => tab.said.findLast((message) => message.kind === 'maps')?.maps.map((map) => map.unused);
    tab.feed.receive({ kind: 'action', command: 'reopenMap' });
    await answer();
    const later = async (): Promise<void> => {
      vi.advanceTimersByTime(2000);
      await answer();
    };
    // Nobody looks: nobody asks.
    await later();
    expect(asked.count).toBe(0);
    uses.set(50, { id: 50, use: 'program' });
    tab.feed.visible = true;
    await answer();
    expect([asked.count, unused()]).toEqual([1, [undefined]]);
    uses.set(50, { id: 50, use: 'held', newer: 60 });
    await later();
    expect(unused()).toEqual([{ held: true, newer: 60 }]);
    const said = tab.said.length;
    await later();
    expect(tab.said.length).toBe(said);
    tab.feed.visible = false;
    const before = asked.count;
    await later();
    expect(asked.count).toBe(before);
    tab.feed.visible = true;
    uses.set(60, { id: 60, use: 'program' });
    tab.feed.receive({ kind: 'openNewer', mapId: 50 });
    await answer();
    expect([tab.shows(), unused()]).toEqual([60, [undefined]]);
    expect(held).toEqual(
      new Map([
        [50, 0],
        [60, 1],
      ]),
    );
    uses.set(60, { id: 60, use: 'others' });
    await later();
    expect(unused()).toEqual([{ held: false }]);
    tab.feed.dispose();
    await later();
    expect(held.get(60)).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
