import { cpSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { webBundle } from '../../extension/build/bundle.mjs';
import { parsePacketText } from '../../extension/core/packet/parsePacket.ts';
import { commands } from '../../extension/host/ids.ts';
import { compile } from '../../extension/toolchain/compile.ts';
import { fakeVscode } from '../support/fakeVscode.ts';
import { bundledInclude, project, repository } from '../support/toolchain.ts';

/** The extension as a web page has it: its bundle, in a context with a worker's globals and no Node, on a fake of VS Code's API. */
let bundle: string;
beforeAll(async () => {
  const { outputFiles } = await build({ ...webBundle(), sourcemap: false, write: false, logLevel: 'error' });
  bundle = outputFiles?.[0]?.text ?? '';
});

interface Started {
  vscode: ReturnType<typeof fakeVscode>;
  activate: () => void;
  /** Bytes as the bundle's own realm has them. */
  bytes: (values: readonly number[]) => Uint8Array;
}

function start(folder: string): Started {
  const vscode = fakeVscode({
    folder: 'vscode-vfs://github/owner/project',
    readFile: (path) =>
      path.startsWith('/extension/')
        ? readFileSync(join(repository, path.slice('/extension/'.length)))
        : readFileSync(join(folder, path.slice('/owner/project/'.length))),
    size: (path) => statSync(join(folder, path.slice('/owner/project/'.length))).size,
  });
  const module = { exports: {} as { activate(context: unknown): void } };
  const require = (name: string): unknown => {
    if (name === 'vscode') return vscode.api;
    throw new Error(`There is no ${name} in a browser`);
  };
  // What a worker has; neither process nor Buffer, nor anything else of Node.
  const worker = {
    AbortController,
    TextDecoder,
    TextEncoder,
    URL,
    WebAssembly,
    atob,
    btoa,
    clearTimeout,
    console,
    crypto,
    performance,
    setTimeout,
  };
  const realm = createContext(worker);
  runInContext(`(function (module, exports, require) { ${bundle}\n})`, realm)(module, module.exports, require);
  const context = { subscriptions: [], extensionUri: vscode.api.Uri.parse('https://host/extension') };
  const bytes = runInContext('(values) => Uint8Array.from(values)', realm) as Started['bytes'];
  return { vscode, activate: () => module.exports.activate(context), bytes };
}

test('the bundle asks for nothing of Node', () => {
  const required = [...bundle.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) => name);
  expect(new Set(required)).toEqual(new Set(['vscode']));
  expect(bundle).not.toMatch(/\b(?:Buffer\.(?:from|alloc)|process\.[a-z])/);
});

test('every command is there: those that need a kernel or clang say why not', async () => {
  const { vscode, activate } = start(project());
  activate();
  expect([...vscode.commands.keys()].sort()).toEqual(expect.arrayContaining(Object.values(commands).sort()));
  await vscode.commands.get(commands.attach)?.();
  expect(vscode.shown).toEqual([expect.stringContaining('This needs a Linux kernel and clang')]);
});

test('packet tests run in the built-in machine, on an object that was built before', async () => {
  const folder = project();
  cpSync(join(repository, 'bpf/examples/counter'), folder, { recursive: true });
  const source = join(folder, 'xdp_counter.bpf.c');
  const built = await compile({ file: source, output: source.replace(/c$/, 'o'), bundledInclude });
  expect(built.ok).toBe(true);
  const { vscode, activate } = start(folder);
  activate();
  const results = await vscode.runTests('xdp_counter.xdptest.json');
  expect(vscode.shown).toEqual([]);
  const names = (
    JSON.parse(readFileSync(join(folder, 'xdp_counter.xdptest.json'), 'utf8')) as { tests: { name: string }[] }
  ).tests;
  expect(results).toEqual(names.map(({ name }) => `passed ${name}`));
});

test('a packet that was built by hand runs in the built-in machine; nothing is offered that takes more', async () => {
  const folder = project();
  cpSync(join(repository, 'bpf/examples/counter'), folder, { recursive: true });
  const source = join(folder, 'xdp_counter.bpf.c');
  await compile({ file: source, output: source.replace(/c$/, 'o'), bundledInclude });
  const { vscode, activate, bytes } = start(folder);
  activate();
  await vscode.commands.get(commands.runPacket)?.(
    vscode.api.Uri.parse('vscode-vfs://github/owner/project/xdp_counter.bpf.c') as never,
  );
  expect(vscode.shown).toEqual([]);
  const { panel } = vscode;
  panel.send({ kind: 'ready' });
  await expect
    .poll(() => panel.received.at(-1))
    .toMatchObject({
      programs: [{ name: 'xdp_counter', section: 'xdp' }],
      lacks: ['kernel', 'debugger', 'story'],
    });
  const packet = bytes([...parsePacketText('Ether()/IP()/TCP()').bytes]);
  const context = {};
  panel.send({ kind: 'run', run: 1, program: 0, packet, repeat: 1, context });
  const answer = (kind: string) => panel.received.find((message) => message['kind'] === kind);
  await expect.poll(() => answer('result')).toMatchObject({ run: 1, action: 'XDP_PASS', engine: 'vm' });
  panel.send({ kind: 'live', run: 2, program: 0, packet, frames: 1, context });
  await expect
    .poll(() => answer('failed'))
    .toMatchObject({ run: 2, message: expect.stringContaining('built-in machine') });
});

test.each([
  { word: 'XDP_PASS', says: 'network stack', why: 'a verdict' },
  { word: 'bpf_map_lookup_elem', says: 'Map value associated to', why: "a helper, from the product's own headers" },
  { word: 'BPF_PERCPU_ARRAY', says: 'percpu', why: 'a macro of a header that is included' },
])('a source is explained without a language server: $why', async ({ word, says }) => {
  const folder = project();
  cpSync(join(repository, 'bpf/examples/protocol_filter'), folder, { recursive: true });
  const { vscode, activate } = start(folder);
  activate();
  expect((await vscode.hover('xdp_tcp_only.bpf.c', word))?.toLowerCase()).toContain(says.toLowerCase());
});

test('without the object it is said what is missing', async () => {
  const folder = project();
  cpSync(join(repository, 'bpf/examples/counter'), folder, { recursive: true });
  rmSync(join(folder, 'xdp_counter.bpf.o'), { force: true });
  const { vscode, activate } = start(folder);
  activate();
  const results = await vscode.runTests('xdp_counter.xdptest.json');
  expect(new Set(results)).toEqual(
    new Set([expect.stringContaining('there is no xdp_counter.bpf.o beside the source')]),
  );
});
