import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { compareSnapshots, readSnapshot } from '../../extension/core/maps/snapshot.ts';
import { saveText } from '../../extension/host/maps/mapFiles.ts';
import { MapSession } from '../../extension/host/maps/mapSession.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject } from '../../extension/protocol/kernel.ts';
import type { ToMapsView } from '../../extension/protocol/webview.ts';
import { openMap } from '../../extension/session/maps/maps.ts';
import { type Answer, Conversation } from '../../webview/maps/data/conversation.ts';
import { MapModel, type MapSchemaMessage } from '../../webview/maps/data/mapModel.ts';
import { Snapshots } from '../../webview/maps/data/snapshots.ts';
import { bpftool, fixture, helper } from '../support/kernelHelper.ts';

/** What the user chooses in dialogs: a file, and a button. */
const chosen = vi.hoisted(() => ({ file: '', button: '', size: undefined as number | undefined }));

vi.mock('vscode', () => {
  const uri = () => ({ fsPath: chosen.file, path: chosen.file });
  return {
    l10n: { t: (text: string) => text },
    window: {
      showOpenDialog: async () => (chosen.file === '' ? undefined : [uri()]),
      showSaveDialog: async () => (chosen.file === '' ? undefined : uri()),
      showInformationMessage: async () => undefined,
      showWarningMessage: async () => chosen.button,
    },
    workspace: {
      fs: {
        stat: async ({ fsPath }: { fsPath: string }) => ({ size: chosen.size ?? statSync(fsPath).size }),
        readFile: async ({ fsPath }: { fsPath: string }) => readFileSync(fsPath),
        writeFile: async ({ fsPath }: { fsPath: string }, bytes: Uint8Array) => writeFileSync(fsPath, bytes),
      },
    },
  };
});

/** The host's side of a view on maps of the real kernel: files out and in, undo. */
let client: HelperClient;
let loaded: LoadedObject;
const folder = mkdtempSync(path.join(tmpdir(), 'xdp-map-host-'));
beforeAll(async () => {
  client = await helper();
  loaded = await client.call('object/load', { elf: fixture('kernelMaps'), name: 'kernelMaps.o' });
});
afterAll(async () => {
  await client?.dispose();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  chosen.file = '';
  chosen.button = '';
  chosen.size = undefined;
});

type Request = Parameters<MapSession['handle']>[0];
type Asked = Request extends infer R ? (R extends Request ? Omit<R, 'mapId' | 'request'> : never) : never;

async function sessionOf(name: string) {
  const id = loaded.maps.find((map) => map.name === name)?.id ?? 0;
  const said: ToMapsView[] = [];
  const session = new MapSession(client, await openMap(client, { id }), (message) => said.push(message));
  let request = 0;
  /** What it comes to: the answer to the view's question. */
  const ask = async (asked: Asked): Promise<ToMapsView | undefined> => {
    const number = ++request;
    await session.handle({ ...asked, mapId: id, request: number } as Request);
    return said.find((message) => 'request' in message && message.request === number);
  };
  return {
    id,
    ask,
    session,
    undoable: () => said.findLast((message) => message.kind === 'history')?.undoable,
    /** The file that an export wrote. */
    exported: async (ending: string): Promise<string> => {
      chosen.file = path.join(folder, `${name}.${ending}`);
      await session.handle({ kind: 'export', mapId: id });
      return chosen.file;
    },
    dump: () =>
      (bpftool('map', 'dump', 'id', String(id)) as object[])
        .map((entry) => JSON.stringify(entry))
        .sort((a, b) => a.localeCompare(b)),
  };
}

const edited = (done: number, failures: unknown[] = []) => ({ kind: 'edited', done, left: 0, failures });
const u32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

test.for([
  ['hash', 'json'],
  ['hash', 'csv'],
  ['pcpu_hash', 'json'],
  ['pcpu_hash', 'csv'],
  ['lpm', 'json'],
  ['lpm', 'csv'],
] as const)('%s: what the view exports as %s it imports again, and takes back', async ([name, ending]) => {
  const { id, ask, undoable, exported, dump } = await sessionOf(name);
  const { keySize, valueSize } = loaded.maps.find((map) => map.id === id)!;
  const slots = name === 'pcpu_hash' ? client.hello.possibleCpus.length : 1;
  const values = Array.from({ length: 3 }, (_, at) =>
    Uint8Array.from({ length: slots === 1 ? valueSize : 8 * slots }, (_byte, place) =>
      slots > 1 && place % 8 >= valueSize ? 0 : 16 * at + place + 1,
    ),
  );
  const keys = [1, 2, 3].map((key) => (keySize === 8 ? u32s(8 * key, key) : u32s(key)));
  for (const [at, key] of keys.entries()) {
    expect(await ask({ kind: 'set', key, value: values[at]! })).toMatchObject(edited(1));
  }
  const before = dump();
  expect(before).toHaveLength(3);
  const file = await exported(ending);
  chosen.button = 'Clear';
  expect(await ask({ kind: 'clear' })).toMatchObject(edited(3));
  expect(dump()).toEqual([]);
  expect(await ask({ kind: 'import' })).toMatchObject(edited(3));
  expect(dump()).toEqual(before);
  expect(undoable()).toBe(5);
  expect(await ask({ kind: 'undo' })).toMatchObject(edited(3));
  expect(dump()).toEqual([]);
  // The entries of a document alone are taken, too.
  if (ending === 'json') {
    const { entries } = JSON.parse(readFileSync(file, 'utf8')) as { entries: unknown[] };
    writeFileSync(file, JSON.stringify(entries.slice(0, 2)));
    expect(await ask({ kind: 'import' })).toMatchObject(edited(2));
  }
  await ask({ kind: 'clear' });
});

test('what is no file of entries is refused, and nothing is written', async () => {
  const { ask, dump, undoable } = await sessionOf('tiny');
  const check = async (ending: string, text: string, message: string): Promise<void> => {
    chosen.file = path.join(folder, `wrong.${ending}`);
    writeFileSync(chosen.file, text);
    expect(await ask({ kind: 'import' })).toMatchObject({
      kind: 'refused',
      code: 'value-invalid',
      message: expect.stringContaining(message),
    });
  };
  await check('json', '{"entries": [', 'is no JSON');
  await check('json', '7', 'wrong.json');
  await check('json', '[{"key": 1}, {"value": 2}]', 'wrong.json');
  await check('json', '[{"key": 1, "value": 10}, {"key": 2, "value": "many"}]', 'does not fit');
  await check('json', '[{"key": 1, "value": 4294967296}]', 'does not fit');
  await check('csv', 'key,value\n1,10\n2\n', 'Line 3');
  chosen.size = 1 << 30;
  await check('json', '[]', '1073741824 bytes');
  expect([dump(), undoable()]).toEqual([[], undefined]);
});

test('an import that does not fit says which entries were not written; a dialog that is closed does nothing', async () => {
  const { ask, dump } = await sessionOf('tiny');
  expect(await ask({ kind: 'import' })).toMatchObject(edited(0));
  chosen.file = path.join(folder, 'many.json');
  writeFileSync(chosen.file, JSON.stringify([1, 2, 3].map((key) => ({ key, value: key }))));
  const full = { message: expect.stringContaining('it is full: 2 entries') };
  expect(await ask({ kind: 'import' })).toMatchObject(edited(2, [full]));
  expect(dump()).toHaveLength(2);
  chosen.button = '';
  expect(await ask({ kind: 'clear' })).toMatchObject(edited(0));
  expect(dump()).toHaveLength(2);
  expect(await ask({ kind: 'undo' })).toMatchObject(edited(2));
  expect(dump()).toEqual([]);
});

test('a snapshot that the view saves is compared with the map later', async () => {
  const { id, ask, session } = await sessionOf('tiny');
  const count = (value: number) => ask({ kind: 'set', key: u32s(1), value: u32s(value) });
  await count(10);
  const conversation = new Conversation(id, (question) => {
    void ask(question as Asked).then((answer) =>
      conversation.accept({ ...(answer as Answer), request: question.request }),
    );
  });
  const snapshots = new Snapshots(
    new MapModel((await session.schema()) as MapSchemaMessage),
    conversation,
    () => undefined,
  );
  await snapshots.take();
  chosen.file = path.join(folder, 'tiny-1.json');
  await saveText('tiny-1.json', JSON.stringify(snapshots.after?.snapshot, undefined, 2));
  await count(15);
  await snapshots.take();
  const saved = readSnapshot(JSON.parse(readFileSync(chosen.file, 'utf8')), chosen.file);
  const now = snapshots.after!.snapshot;
  const changed = [{ key: 1, before: 10, after: 15, fields: [{ path: '', before: '10', after: '15', delta: '5' }] }];
  expect(compareSnapshots(saved, now)).toEqual({ added: [], removed: [], changed, same: 0, notes: [] });
  expect(snapshots.difference).toEqual(compareSnapshots(saved, now));
  expect(JSON.parse(snapshots.expectation)).toEqual({ tiny: [{ key: 1, value: 15 }] });
  await ask({ kind: 'undo' });
  await ask({ kind: 'undo' });
});

test('an export that nobody names a file for writes none', async () => {
  const { ask } = await sessionOf('tiny');
  await ask({ kind: 'export' } as Asked);
  expect(existsSync(path.join(folder, 'tiny.json'))).toBe(false);
});
