import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Attachments } from '../../extension/session/attach/attachments.ts';
import { AttachmentRegistry } from '../../extension/session/attach/registry.ts';
import { type BpfObject, openObject } from '../../extension/session/bpfObject.ts';
import { KernelAccess } from '../../extension/session/kernelAccess.ts';
import { buildHelper, eventually, ipXdp, type VethLab, vethLab } from '../support/kernelHelper.ts';

/** Sessions beside each other and after each other: what one keeps, another finds, takes over, replaces or ends. */
const root = path.resolve(import.meta.dirname, '../..');
let helperPath: string;
let object: BpfObject;
let lab: VethLab;
let folder: string;
let sessions: { attachments: Attachments; end(): Promise<void>; said: string[] }[];

beforeAll(async () => {
  helperPath = await buildHelper();
  const source = path.join(root, 'test/fixtures/bpf/kernelReplace.bpf.c');
  object = await openObject(source, { bundledInclude: path.join(root, 'bpf/include') });
});
beforeEach(() => {
  lab = vethLab();
  folder = mkdtempSync(path.join(tmpdir(), 'xdp-kept-'));
  sessions = [];
});
afterEach(async () => {
  for (const session of sessions) await session.end();
  lab.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** As a window of VS Code has it; `said`: what it is told of its attachments. */
function session() {
  const kernel = new KernelAccess({ helperPath, execPath: process.execPath, elevation: 'none' });
  const attachments = new Attachments(kernel, new AttachmentRegistry('vscode', path.join(folder, 'registry')));
  const said: string[] = [];
  attachments.onDidChange((event) => {
    if (event.kind === 'counting') return;
    const lost = (stays: boolean): string => (stays ? 'let go' : 'lost');
    said.push(event.kind === 'lost' ? `${lost(event.stays)}: ${event.reason}` : event.kind);
  });
  const end = async (): Promise<void> => {
    await attachments.dispose();
    await kernel.dispose();
  };
  sessions.push({ attachments, end, said });
  return { attachments, end, said };
}

const program = 'xdp_replaced';
const request = () =>
  ({ object, program, iface: lab.near, netns: lab.ns, mode: 'native', via: 'link', keep: true }) as const;

test('a new session shows what was kept with its source, without starting a helper there, and adopts it', async () => {
  const first = session();
  const live = await first.attachments.attach(request());
  expect(await first.attachments.kept()).toEqual([]);
  await first.end();
  expect(ipXdp(lab)?.id).toBe(live.progId);
  const second = session();
  const { iface, progId, mode } = live;
  const kept = { kind: 'kept', program, progId, iface, mode, netns: lab.ns, file: object.file };
  expect(await second.attachments.kept()).toEqual([kept]);
  const adopted = await second.attachments.adopt(lab.near, lab.ns);
  expect(await second.attachments.kept()).toEqual([]);
  expect(adopted).toMatchObject({ progId, pin: live.pin });
  // The window that adopted it goes: it stays.
  await second.end();
  expect(ipXdp(lab)?.id).toBe(progId);
  const third = session();
  expect(await third.attachments.kept()).toEqual([kept]);
  await third.attachments.detachInterface(lab.near, { force: false, netns: lab.ns });
  expect(ipXdp(lab)).toBeUndefined();
  expect(await third.attachments.kept()).toEqual([]);
});

test('two sessions that hold one kept program: what one does, the other is told', async () => {
  const [first, second] = [session(), session()];
  const live = await first.attachments.attach(request());
  const adopted = await second.attachments.adopt(lab.near, lab.ns);
  const { attachment } = await second.attachments.replace(adopted, { object, program, keepMaps: true });
  await eventually('the first to hear of it', () =>
    first.said.some((text) => /lost: Another session replaced/.test(text)),
  );
  expect(first.attachments.live).toEqual([]);
  // What the first lets go is not what the second put there.
  expect(ipXdp(lab)?.id).toBe(attachment.progId);
  const again = await first.attachments.adopt(lab.near, lab.ns);
  expect(again.progId).toBe(attachment.progId);
  await first.attachments.detach(again);
  await eventually('the second to hear of it', () =>
    second.said.some((text) => /lost: Somebody else detached/.test(text)),
  );
  expect([ipXdp(lab), second.attachments.live]).toEqual([undefined, []]);
  expect(live.progId).not.toBe(attachment.progId);
});

test('a guarded replacement by one session does not cost the other its pins', async () => {
  const [first, second] = [session(), session()];
  const live = await first.attachments.attach(request());
  const adopted = await second.attachments.adopt(lab.near, lab.ns);
  await second.attachments.replace(adopted, { object, program, keepMaps: true, guardSeconds: 2 });
  await eventually('the first to hear of it', () => first.said.some((text) => /lost: Another/.test(text)));
  await eventually('the revert', () => second.said.includes('reverted'));
  expect(ipXdp(lab)?.id).toBe(live.progId);
  await first.end();
  await second.end();
  expect(ipXdp(lab)?.id).toBe(live.progId);
  const third = session();
  await third.attachments.detachInterface(lab.near, { force: false, netns: lab.ns });
  expect(ipXdp(lab)).toBeUndefined();
});

test('a window’s own attachment ended from the command line is lost with a reason within a moment', async () => {
  const [window, other] = [session(), session()];
  await window.attachments.attach({ ...request(), keep: false });
  await other.attachments.detachInterface(lab.near, { force: false, netns: lab.ns });
  await eventually('the window to hear of it', () =>
    window.said.some((text) => text.startsWith('lost: Somebody else')),
  );
  expect([ipXdp(lab), window.attachments.live]).toEqual([undefined, []]);
});

test('two quick clicks detach once', async () => {
  const { attachments, said } = session();
  const live = await attachments.attach({ ...request(), keep: false });
  await Promise.all([attachments.detach(live), attachments.detach(live)]);
  expect(said).toEqual(['attached', 'detached']);
  await expect(attachments.detach(live)).rejects.toMatchObject({ code: 'nothing-attached' });
});

test('what was kept is not said to be lost when the helper ends: it is there still, and can be adopted again', async () => {
  const { attachments, said } = session();
  const live = await attachments.attach(request());
  await live.client.dispose();
  await eventually('the window to hear of it', () => said.some((text) => text.startsWith('let go')));
  expect(ipXdp(lab)?.id).toBe(live.progId);
  expect(await attachments.kept()).toMatchObject([{ progId: live.progId, file: object.file }]);
  await attachments.detach(await attachments.adopt(lab.near, lab.ns));
  expect(ipXdp(lab)).toBeUndefined();
});
