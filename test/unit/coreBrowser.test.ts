import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { bpfPrelude, compileBpf } from '../support/bpfFixture.ts';
import { repository } from '../support/toolchain.ts';

/** What the VS Code of a browser has: the language and WebAssembly, no Node and no DOM. */
async function inBrowser(source: string): Promise<Script> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: join(repository, 'extension/core'), loader: 'ts' },
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    globalName: 'core',
    target: 'es2022',
    logLevel: 'silent',
  });
  return new Script(outputFiles[0]?.text ?? '');
}

test('everything in core is bundled for browsers', async () => {
  const core = join(repository, 'extension/core');
  const files = readdirSync(core, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(200);
  // A Node module among the imports is an error of esbuild's; what is used without import is found when modules run.
  const script = await inBrowser(files.map((file) => `import './${file}';`).join('\n'));
  expect(() => script.runInContext(createContext({}))).not.toThrow();
});

test('an object runs there, on both engines, with coverage', async () => {
  const elf = compileBpf(`${bpfPrelude}
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
SEC("xdp") int count(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  if (data + 14 > (__u8 *)(long)ctx->data_end) return XDP_DROP;
  __u32 key = data[13];
  __u64 one = 1, *value = bpf_map_lookup_elem(&seen, &key);
  if (value) *value += 1;
  else bpf_map_update_elem(&seen, &key, &one, BPF_ANY);
  return value ? XDP_TX : XDP_PASS;
}
char _license[] SEC("license") = "GPL";`);
  const script = await inBrowser(`
    import { createMachine } from './vm/machine.ts';
    export function run(elf: number[], engine: 'interpreter' | 'wasm') {
      const machine = createMachine(Uint8Array.from(elf), { engine, coverage: engine === 'wasm' });
      const packet = new Uint8Array(60).fill(5);
      const retvals = [1, 2].map(() => machine.runXdp({ program: 'count', packet }).retval);
      const { keys, values } = machine.map('seen')!.read();
      return JSON.stringify({ retvals, key: keys[0], value: values[0], blocks: machine.blockCounts('count').length });
    }`);
  const browser = createContext({});
  script.runInContext(browser);
  const run = (engine: string): unknown =>
    JSON.parse(String(new Script(`core.run([${[...elf].join(',')}], '${engine}')`).runInContext(browser)));
  const expected = { retvals: [2, 3], key: 5, value: 2 };
  expect(run('interpreter')).toEqual({ ...expected, blocks: 0 });
  expect(run('wasm')).toEqual({ ...expected, blocks: expect.toSatisfy((count: number) => count > 3) });
});
