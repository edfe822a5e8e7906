import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { XdpError, type XdpErrorCode } from '../../extension/core/errors.ts';
import type { ProgramSpec } from '../../extension/core/object/spec.ts';
import type { AttachedProgram, Attachment, HelloReply } from '../../extension/protocol/kernel.ts';
import { type BpfObject, chooseProgram, openObject } from '../../extension/session/bpfObject.ts';
import { type HelperClient, KernelAccess } from '../../extension/session/kernelAccess.ts';
import { writeError } from '../../extension/session/userFiles.ts';
import { packetArgument } from '../../extension/session/run/packetArgument.ts';
import { AttachmentRegistry } from '../../extension/session/attach/registry.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'xdp-session-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, section: string, type = 'xdp'): ProgramSpec {
  return { name, section, type, frags: false, insns: 2, source: undefined };
}

function objectWith(programs: ProgramSpec[]): BpfObject {
  const spec = { license: 'GPL', programs, maps: [], btf: undefined, btfBytes: undefined, warnings: [] };
  return { file: '/x/many.bpf.c', name: 'many', elf: new Uint8Array(0), spec, compiled: undefined };
}

async function failure(action: () => unknown): Promise<XdpError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof XdpError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

const many = [program('first', 'xdp'), program('second', 'xdp/two'), program('third', 'tc', 'sched_cls')];
test.each([
  { name: 'the only XDP program needs no name', programs: [many[0], many[2]], choose: undefined, found: 'first' },
  { name: 'by function name', programs: many, choose: 'second', found: 'second' },
  { name: 'by a section that is unique', programs: many, choose: 'xdp/two', found: 'second' },
  {
    name: 'a function name beats a section name',
    programs: [program('a', 'b'), program('b', 'xdp')],
    choose: 'b',
    found: 'b',
  },
  {
    name: 'an old object with one freely named section',
    programs: [program('p', 'prog', 'unspec')],
    choose: undefined,
    found: 'p',
  },
])('$name', ({ programs, choose, found }) => {
  expect(chooseProgram(objectWith(programs as ProgramSpec[]), choose).name).toBe(found);
});

test.each<{ name: string; programs: ProgramSpec[]; choose: string | undefined; code: XdpErrorCode; says: string }>([
  {
    name: 'several',
    programs: many,
    choose: undefined,
    code: 'program-ambiguous',
    says: 'first (section xdp), second',
  },
  { name: 'unknown', programs: many, choose: 'nope', code: 'program-not-found', says: 'nope' },
  { name: 'none', programs: [], choose: undefined, code: 'program-not-found', says: 'no BPF program' },
  {
    name: 'shared section',
    programs: [program('a', 'xdp'), program('b', 'xdp')],
    choose: 'xdp',
    code: 'program-ambiguous',
    says: 'Section xdp',
  },
])('choosing fails with a list: $name', async ({ programs, choose, code, says }) => {
  const error = await failure(() => chooseProgram(objectWith(programs), choose));
  expect(error.code).toBe(code);
  expect(error.message).toContain(says);
  expect(error.fix).toBeDefined();
});

test.each<{ argument: string; code: XdpErrorCode }>([
  { argument: '@/nowhere/packet.bin', code: 'file-not-found' },
  { argument: 'Ether()/Nonsense()', code: 'packet-invalid' },
  { argument: 'capture.pcap', code: 'packet-invalid' },
  { argument: 'zz', code: 'packet-invalid' },
])('packet argument $argument is refused', async ({ argument, code }) => {
  expect((await failure(() => packetArgument(argument))).code).toBe(code);
});

test('a packet from hex with spaces, from a file and from a capture are the same bytes', async () => {
  const bytes = Uint8Array.from({ length: 20 }, (_, index) => index);
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const raw = path.join(folder, 'packet.bin');
  writeFileSync(raw, bytes);
  const capture = path.join(folder, 'one.pcap');
  const header = Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex');
  const record = Buffer.alloc(16);
  record.writeUInt32LE(20, 8);
  record.writeUInt32LE(20, 12);
  writeFileSync(capture, Buffer.concat([header, record, bytes]));
  for (const argument of [hex, `@${raw}`, `${capture}#1`]) {
    expect(Buffer.from((await packetArgument(argument)).bytes), argument).toEqual(Buffer.from(bytes));
  }
  expect((await failure(() => packetArgument(`${capture}#2`))).message).toContain('holds 1');
});

test.each<{ content: string | undefined; code: XdpErrorCode }>([
  { content: undefined, code: 'file-not-found' },
  { content: '\x7fELF\x02\x01\x01', code: 'object-damaged' },
  { content: '\u0000\u0001\u0002 binary', code: 'not-c' },
])('a file that is no program: $code', async ({ content, code }) => {
  const file = path.join(folder, `bad-${code}.c`);
  if (content !== undefined) writeFileSync(file, content, 'latin1');
  expect((await failure(() => openObject(file, { bundledInclude: 'bpf/include' }))).code).toBe(code);
});

test('a compile error carries what the toolchain knows about it', async () => {
  const file = path.join(folder, 'legacy.c');
  writeFileSync(
    file,
    '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nstruct bpf_map_def SEC("maps") old = { .type = BPF_MAP_TYPE_ARRAY };\n',
  );
  const error = await failure(() => openObject(file, { bundledInclude: path.resolve('bpf/include') }));
  expect(error.code).toBe('compile-failed');
  expect(error.fix).toContain('define the map with BTF');
});

test.each([
  { file: 'no/such/folder/x', says: 'its folder does not exist' },
  { file: '.', says: 'it is a folder' },
  { file: '/dev/full', says: 'there is no room left' },
])('what cannot be written says why: $says', async ({ file, says }) => {
  const cause: unknown = await writeFile(path.resolve(folder, file), 'x').catch((error: unknown) => error);
  const error = writeError(file, cause);
  expect(error).toMatchObject({ code: 'environment', message: `Cannot write ${file}: ${says}.` });
});

test('two sessions of one user know each other; a dead session is forgotten', async () => {
  const registry = path.join(folder, 'registry');
  const mine = new AttachmentRegistry('cli', registry);
  const other = new AttachmentRegistry('vscode', registry);
  const attached = [
    { progId: 42, program: 'p', mode: 'native', via: 'link', owner: 'other' },
  ] satisfies AttachedProgram[];
  expect(await other.find(attached)).toBeUndefined();
  await mine.add({ progId: 42, program: 'p', iface: 'veth0' } as Attachment, '/x/p.bpf.c');
  expect((await other.find(attached))?.holder).toContain(String(process.pid));
  expect(await other.find([])).toBeUndefined();
  writeFileSync(
    path.join(registry, '43.json'),
    JSON.stringify({
      version: 1,
      pid: 999_999_999,
      startTime: '1',
      kind: 'cli',
      progId: 43,
      program: 'p',
      iface: 'v',
      file: '/x',
    }),
  );
  expect(await other.find([{ ...attached[0], progId: 43 } as AttachedProgram])).toBeUndefined();
  await mine.remove({ progId: 42 });
  expect(await other.find(attached)).toBeUndefined();
});

function fakeHelper(): { client: HelperClient; die(reason: string): void; disposed: () => boolean } {
  let die: (exit: { reason: string }) => void = () => undefined;
  let disposed = false;
  const exited = new Promise<{ reason: string }>((resolve) => {
    die = resolve;
  });
  const client: HelperClient = {
    hello: {} as HelloReply,
    call: () => Promise.reject(new Error('not used')),
    on: () => ({ dispose: () => undefined }),
    exited,
    dispose: () => {
      disposed = true;
      die({ reason: 'disposed' });
      return Promise.resolve();
    },
  };
  return { client, die: (reason) => die({ reason }), disposed: () => disposed };
}

test('one own helper is shared, a dead one is replaced and reported, a system helper ends with its action', async () => {
  const started: ReturnType<typeof fakeHelper>[] = [];
  const kernel = new KernelAccess({
    helperPath: 'h',
    execPath: 'n',
    elevation: 'none',
    start: () => {
      const helper = fakeHelper();
      started.push(helper);
      return Promise.resolve(helper.client);
    },
  });
  const deaths: string[] = [];
  kernel.onUnexpectedExit(({ reason }) => deaths.push(reason));
  const first = await kernel.own();
  expect(await kernel.own()).toBe(first);
  started[0]?.die('killed');
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(deaths).toEqual(['killed']);
  expect(await kernel.own()).not.toBe(first);
  await kernel.withSystem(undefined, () => Promise.resolve());
  expect(started[2]?.disposed()).toBe(true);
  await kernel.dispose();
  expect(started[1]?.disposed()).toBe(true);
  expect(deaths).toEqual(['killed']);
});

test('how a helper gets its privilege is asked for when one starts', async () => {
  let elevation: 'none' | 'pkexec' = 'none';
  const asked: string[] = [];
  const kernel = new KernelAccess({
    helperPath: 'h',
    execPath: 'n',
    get elevation() {
      return elevation;
    },
    start: (options) => {
      asked.push(options.elevation);
      return Promise.resolve(fakeHelper().client);
    },
  });
  await kernel.withSystem(undefined, () => Promise.resolve());
  elevation = 'pkexec';
  await kernel.withSystem(undefined, () => Promise.resolve());
  expect(asked).toEqual(['none', 'pkexec']);
});
