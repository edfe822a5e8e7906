import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Attachment } from '../../extension/protocol/kernel.ts';
import { AttachmentRegistry } from '../../extension/session/attach/registry.ts';
import { project } from '../support/toolchain.ts';

/** What others can do to the folders of the registry, which may stand in a shared /tmp. */

const attachment = { progId: 42, program: 'p', iface: 'veth0', mode: 'native' } as Attachment;

/** PARENT/attachments with a record in it that is believed where the folders are. */
async function planted(): Promise<{ parent: string; folder: string }> {
  const parent = path.join(project(), 'xdp-vscode');
  const folder = path.join(parent, 'attachments');
  await new AttachmentRegistry('cli', folder).add({ ...attachment, pin: '/sys/fs/bpf/p' } as Attachment, '/x/p.bpf.c');
  expect(readdirSync(folder).toSorted()).toEqual(['42.json', 'kept-42.json']);
  return { parent, folder };
}

async function known(folder: string): Promise<number> {
  const registry = new AttachmentRegistry('vscode', folder);
  return (await registry.all()).length + (await registry.kept()).length;
}

const hostile: [string, (folders: { parent: string; folder: string }) => void][] = [
  ['a link in place of the folder', ({ folder }) => replaceByLink(folder)],
  ['a link in place of its parent', ({ parent }) => replaceByLink(parent)],
  ['a folder that others read', ({ folder }) => chmodSync(folder, 0o755)],
  ['a parent in which others write', ({ parent }) => chmodSync(parent, 0o777)],
  ['a parent in which the group writes', ({ parent }) => chmodSync(parent, 0o770)],
  [
    'a file in place of the folder',
    ({ folder }) => {
      rmSync(folder, { recursive: true });
      writeFileSync(folder, '');
    },
  ],
];
// Only root can give a folder away.
if (process.getuid?.() === 0) {
  hostile.push(["another user's folder", ({ folder }) => chownSync(folder, 65534, 65534)]);
  hostile.push(["another user's parent", ({ parent }) => chownSync(parent, 65534, 65534)]);
}

function replaceByLink(folder: string): void {
  cpSync(folder, `${folder}.real`, { recursive: true, mode: 0 });
  chmodSync(`${folder}.real`, 0o700);
  rmSync(folder, { recursive: true });
  symlinkSync(`${folder}.real`, folder);
}

test.each(hostile)('%s: nothing is read from it, and nothing written to it', async (_name, spoil) => {
  const folders = await planted();
  expect(await known(folders.folder)).toBe(2);
  spoil(folders);
  expect(await known(folders.folder)).toBe(0);
  const before = listing(path.dirname(folders.parent));
  const registry = new AttachmentRegistry('cli', folders.folder);
  await registry.add({ ...attachment, progId: 43 }, '/x/p.bpf.c');
  await registry.remove({ progId: 42 });
  await registry.forgetKept({ progId: 42 });
  expect(listing(path.dirname(folders.parent))).toEqual(before);
});

function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();
}

test.each([
  '',
  'null',
  '[]',
  '{"version":1}',
  '[[[[',
  '{"version":1,"pid":0,"startTime":"0","kind":"cli","progId":1,"program":"p","iface":"v","file":"/x"}',
  '{"version":1,"pid":-1,"startTime":"0","kind":"cli","progId":1,"program":"p","iface":"v","file":"/x"}',
  '{"version":1,"pid":"1/../1","startTime":"0","kind":"cli","progId":1,"program":"p","iface":"v","file":"/x"}',
  '{"__proto__":{"version":1,"pid":1,"startTime":"0","kind":"cli","progId":1,"program":"p","iface":"v","file":"/x"}}',
])('a record that is none is passed over: %s', async (text) => {
  const { folder } = await planted();
  writeFileSync(path.join(folder, '1.json'), text);
  writeFileSync(path.join(folder, 'kept-1.json'), text);
  mkdirSync(path.join(folder, '2.json'));
  mkdirSync(path.join(folder, 'kept-2.json'));
  expect(await known(folder)).toBe(2);
});
