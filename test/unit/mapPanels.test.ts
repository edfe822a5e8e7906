import { expect, test, vi } from 'vitest';
import { MapPanels } from '../../extension/host/maps/mapPanels.ts';
import type { Services } from '../../extension/host/services.ts';
import type { BorrowedMap } from '../../extension/session/maps/borrow.ts';

/** Tabs that VS Code was asked for, and who restores one after a reload. */
const made = vi.hoisted(() => ({
  panels: [] as FakePanel[],
  restore: undefined as ((panel: unknown, state: unknown) => Promise<void>) | undefined,
}));

interface FakePanel {
  title: string;
  visible: boolean;
  isClosed: boolean;
  said: { kind: string; message?: string; over?: { name: string } }[];
  /** As the view in it would. */
  send(message: object): void;
  dispose(): void;
}

vi.mock('vscode', () => {
  const uri = { toString: () => 'uri' };
  return {
    Uri: { joinPath: () => uri },
    ViewColumn: { Active: -1 },
    Disposable: { from: (...all: unknown[]) => ({ all }) },
    env: { language: 'en' },
    l10n: {
      bundle: undefined,
      t: (text: string, ...values: unknown[]) =>
        text.replace(/\{(\d)\}/g, (_, at: string) => String(values[Number(at)])),
    },
    window: {
      createWebviewPanel: (_type: string, title: string) => made.panels.at(made.panels.push(fakePanel(title)) - 1),
      registerWebviewPanelSerializer: (
        _type: string,
        { deserializeWebviewPanel }: { deserializeWebviewPanel: (panel: unknown, state: unknown) => Promise<void> },
      ) => {
        made.restore = deserializeWebviewPanel;
      },
    },
  };
});

function fakePanel(title: string): FakePanel {
  const listeners: ((message: object) => void)[] = [];
  const closers: (() => void)[] = [];
  const panel = {
    title,
    visible: true,
    isClosed: false,
    said: [] as FakePanel['said'],
    webview: {
      html: '',
      options: {},
      cspSource: '',
      asWebviewUri: (uri: object) => uri,
      postMessage: (message: FakePanel['said'][number]) => Promise.resolve(panel.said.push(message)),
      onDidReceiveMessage: (listener: (message: object) => void) => void listeners.push(listener),
    },
    onDidChangeViewState: () => undefined,
    onDidDispose: (closer: () => void) => void closers.push(closer),
    send: (message: object) => {
      for (const listener of listeners) listener(message);
    },
    dispose: () => {
      panel.isClosed = true;
      for (const closer of closers) closer();
    },
  };
  return panel;
}

function open(): { panels: MapPanels; closed: () => number } {
  made.panels.length = 0;
  const services = {
    attachments: { live: [], onDidChange: () => ({ dispose: () => undefined }) },
    milestones: { reach: () => undefined },
  } as unknown as Services;
  const panels = new MapPanels(services);
  panels.register();
  let closed = 0;
  panels.onDidClose(() => closed++);
  return { panels, closed: () => closed };
}

function borrowedMap(id: number, name: string): { map: BorrowedMap; released: () => number } {
  let released = 0;
  const info = { id, name, type: 'hash', keySize: 4, valueSize: 4, maxEntries: 8, frozen: false };
  const release = async (): Promise<void> => {
    released++;
  };
  const map = { map: { ref: { id }, info }, client: {}, release } as unknown as BorrowedMap;
  return { map, released: () => released };
}

test("closing another tool's map closes its tab and lets go of it", () => {
  const { panels, closed } = open();
  const { map, released } = borrowedMap(7, 'theirs');
  panels.showBorrowed([map]);
  const [panel] = made.panels;
  expect([panel?.title, panels.holdMaps]).toEqual(['theirs', true]);
  // What is no message of a view changes nothing.
  panel?.send({ kind: 'closeMap' });
  expect(panel?.isClosed).toBe(false);
  panel?.send({ kind: 'closeMap', mapId: 7 });
  expect([panel?.isClosed, released(), panels.holdMaps, closed()]).toEqual([true, 1, false, 1]);
});

test('after a reload a tab is for the map it showed: to be opened again, or gone', async () => {
  open();
  const restored = async (selected: object | undefined): Promise<FakePanel['said']> => {
    const panel = fakePanel('before');
    await made.restore?.(panel, selected === undefined ? undefined : { maps: { selected } });
    panel.send({ kind: 'ready' });
    return panel.said;
  };
  const theirs = await restored({ id: 7, name: 'theirs', group: 'Opened by hand', borrowed: true });
  expect(theirs.at(-1)).toMatchObject({
    kind: 'problem',
    message: 'theirs (map 7) was opened by hand before this window was loaded.',
    action: { command: 'reopenMap' },
  });
  expect(theirs[0]?.over).toBeUndefined();
  const owner = { program: 'drop', iface: 'veth0' };
  const ours = await restored({ id: 8, name: 'counts', group: 'drop on veth0 (generic)', borrowed: false, owner });
  expect(ours).toMatchObject([{ kind: 'maps', stay: true, over: { name: 'counts' } }]);
  // State of another shape, or none: as the side panel.
  expect(await restored({ id: 'seven' })).toEqual([{ kind: 'maps', maps: [], attached: 0 }]);
  expect(await restored(undefined)).toEqual([{ kind: 'maps', maps: [], attached: 0 }]);
});
