import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createWireConnection } from '../../extension/kernel/wire.ts';
import {
  buildHelper,
  command,
  eventually,
  fixture,
  helper,
  ipXdp,
  isAlive,
  openFiles,
  type VethLab,
  vethLab,
} from '../support/kernelHelper.ts';
import { runProbe } from '../support/kernelUser.ts';

let lab: VethLab;
beforeEach(() => {
  lab = vethLab();
});
afterEach(() => lab.remove());

const objectPath = (name: string) => {
  fixture(name);
  return join(resolve(import.meta.dirname, '../..'), `.cache/test-helper/${name}-${process.pid}-.o`);
};

test('a wrong version is refused, and everything before a good hello', async () => {
  const child = spawn(process.execPath, [await buildHelper(), '--profile', 'own'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const connection = createWireConnection(child.stdout, child.stdin);
  connection.listen();
  const refused = { data: { code: 'helper-protocol' } };
  await expect(connection.sendRequest('map/list', {})).rejects.toMatchObject(refused);
  await expect(connection.sendRequest('hello', { protocolVersion: 999 })).rejects.toMatchObject(refused);
  await expect(connection.sendRequest('map/list', {})).rejects.toMatchObject(refused);
  await expect(connection.sendRequest('nonsense', {})).rejects.toMatchObject(refused);
  await expect(connection.sendRequest('__proto__', {})).rejects.toMatchObject(refused);
  expect(await connection.sendRequest('hello', { protocolVersion: 1 })).toMatchObject({ protocolVersion: 1 });
  await expect(connection.sendRequest('map/read', { map: { id: 'x' }, limit: -1 })).rejects.toMatchObject({
    data: { code: 'usage' },
  });
  child.stdin.end();
  await new Promise((done) => child.once('close', done));
  expect(child.exitCode).toBe(0);
});

test('garbage on the pipe ends it', async () => {
  const child = spawn(process.execPath, [await buildHelper(), '--profile', 'own'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => {});
  child.stdin.write('Content-Length: 10\r\n\r\n{"id":1}..');
  await new Promise((done) => child.once('close', done));
});

test.for(['SIGKILL', 'SIGTERM'] as const)(
  'the helper ends when its parent gets %s, and nothing stays attached',
  async (signal) => {
    const attach = { program: 'xdp_counter', ifindex: lab.ifindex };
    const probe = await runProbe({ elevation: 'none', netns: lab.ns, elf: objectPath('kernelCounter'), attach });
    const pid = probe.report.hello?.pid ?? 0;
    expect(ipXdp(lab)).toBeDefined();
    probe.process.kill(signal);
    const before = performance.now();
    await eventually('the helper to end', () => !isAlive(pid));
    // By itself, before its watchdog has to.
    expect(performance.now() - before).toBeLessThan(900);
    expect(ipXdp(lab)).toBeUndefined();
  },
);

test('also in the middle of a call that does not come back', async () => {
  const attach = { program: 'look', ifindex: lab.ifindex };
  const probe = await runProbe({
    elevation: 'none',
    netns: lab.ns,
    elf: objectPath('kernelRun'),
    attach,
    slow: 'slow',
  });
  const pid = probe.report.hello?.pid ?? 0;
  const cpuTime = () => Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[14]);
  const before = cpuTime();
  await eventually('a busy helper', () => cpuTime() > before + 20);
  probe.process.kill('SIGKILL');
  await eventually('the helper to end', () => !isAlive(pid));
  expect(ipXdp(lab)).toBeUndefined();
});

test('Ctrl-C in a terminal does not end it before its parent has detached', async () => {
  const client = await helper();
  process.kill(client.hello.pid, 'SIGINT');
  process.kill(client.hello.pid, 'SIGHUP');
  expect(await client.call('map/list', {})).toEqual({ maps: [] });
  await client.dispose();
});

test('pending and later calls of a helper that dies say so', async () => {
  const client = await helper();
  const { object } = await client.call('object/load', { elf: fixture('kernelRun'), name: 'run.o' });
  const pending = client.call('program/testRun', {
    object,
    program: 'slow',
    data: new Uint8Array(64),
    repeat: 100,
    capturePrintk: false,
  });
  const others = [1, 2, 3].map(() =>
    client.call('program/testRun', {
      object,
      program: 'slow',
      data: new Uint8Array(64),
      repeat: 100,
      capturePrintk: false,
    }),
  );
  const settled = Promise.allSettled([pending, ...others]);
  process.kill(client.hello.pid, 'SIGKILL');
  const died = { code: 'helper-died', fix: expect.stringContaining('Start the helper again') };
  for (const result of await settled) expect(result).toMatchObject({ status: 'rejected', reason: died });
  await expect(client.call('map/list', {})).rejects.toMatchObject(died);
  await client.dispose();
});

test('it listens on nothing, has no child, and holds only its pipes and its own kernel objects', async () => {
  const client = await helper({ netns: lab.ns });
  try {
    const { pid } = client.hello;
    await client.call('object/load', { elf: fixture('kernelCounter'), name: 'counter.o' });
    const listening = command('nsenter', [
      '-t',
      String(pid),
      '-n',
      'ss',
      '-H',
      '-l',
      '-n',
      '-p',
      '-t',
      '-u',
      '-x',
      '-w',
    ]);
    expect(listening.split('\n').filter((line) => line.includes(`pid=${pid},`))).toEqual([]);
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      expect(readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')).toBe('');
    }
    const kinds = [...openFiles(pid).keys()].filter((kind) => !/^(socket|pipe|\/dev\/null|anon_inode):?/.test(kind));
    expect(kinds).toEqual([]);
  } finally {
    await client.dispose();
    expect(isAlive(client.hello.pid)).toBe(false);
  }
});

test('a request that cannot be written fails, and the helper lives on', async () => {
  const client = await helper();
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const params = { map: circular, limit: 1 } as unknown as { map: { id: number }; limit: number };
  await expect(client.call('map/read', params)).rejects.toMatchObject({ code: 'helper-protocol' });
  expect(await client.call('map/list', {})).toEqual({ maps: [] });
  await client.dispose();
});

test('something else than a helper on the other side', async () => {
  const { startHelper } = await import('../../extension/kernel/client.ts');
  const helperPath = await buildHelper();
  const start = (execPath: string) => startHelper({ helperPath, execPath, profile: 'own', elevation: 'none' });
  await expect(start('/bin/echo')).rejects.toMatchObject({
    code: 'helper-died',
    message: expect.stringContaining('code 0'),
  });
  await expect(start('/nowhere/node')).rejects.toMatchObject({ code: 'helper-died' });
  await expect(
    startHelper({ helperPath: '/nowhere/helper.js', execPath: process.execPath, profile: 'own', elevation: 'none' }),
  ).rejects.toMatchObject({ code: 'file-not-found', fix: expect.stringContaining('npm run build') });
});
