import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diffPages, type RawPage } from '../../extension/core/maps/entries.ts';
import { mapSchema } from '../../extension/core/maps/schema.ts';
import { linkObject } from '../../extension/core/vm/link/linkObject.ts';
import {
  describeFault,
  linkOptions,
  Machine,
  type MachineOptions,
  type XdpRequest,
} from '../../extension/core/vm/machine.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { Random } from './packetGenerate.ts';
import type { LoadedObject, MapInfo } from '../../extension/protocol/kernel.ts';

/** One object, loaded in the kernel and in the built-in machine, whose runs are compared one by one; both engines run each. */
export interface Pair {
  machine: Machine;
  /** Runs on both, on this CPU (0). Returns what differs, in words; empty when nothing does. */
  run(request: XdpRequest, cpu?: number): Promise<string[]>;
  /** Puts the same entries into the maps of all, so that lookups find something: small keys, and those of usual addresses. */
  seed(random: Random): Promise<void>;
  /** Differences between the maps as they are now. */
  maps(): Promise<string[]>;
  close(): Promise<void>;
}

export async function loadPair(
  client: HelperClient,
  elf: Uint8Array,
  programs?: readonly string[],
  options: MachineOptions = {},
  /** Another build of the same program for the machine. */
  machineElf: Uint8Array = elf,
): Promise<Pair> {
  const loaded = await client.call('object/load', {
    elf,
    name: 'vm.o',
    ...(programs ? { programs: [...programs] } : {}),
  });
  const cpuCount = client.hello.possibleCpus.length;
  const settings = { cpuCount, ...options };
  const linked = linkObject(machineElf, linkOptions(settings));
  const machine = new Machine(linked, settings);
  const compiled = new Machine(linked, { ...settings, engine: 'wasm' });
  return {
    machine,
    run: (request, cpu = 0) => {
      for (const each of [machine, compiled]) each.setInputs({ ...settings.inputs, cpu });
      return compareRun(client, loaded, [machine, compiled], request, cpu);
    },
    seed: (random) => seedMaps(client, loaded, [machine, compiled], random),
    maps: async () => [
      ...(await compareMaps(client, loaded, machine)),
      ...(await compareMaps(client, loaded, compiled)).map((difference) => `compiled: ${difference}`),
    ],
    close: async () => {
      await client.call('object/close', { object: loaded.object });
    },
  };
}

/** Compiles test/fixtures/bpf/NAME.bpf.c with this compiler. */
export function compileFixture(name: string, flags: readonly string[], compiler = 'clang'): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'xdp-vm-'));
  try {
    const output = join(folder, 'out.o');
    const source = join(import.meta.dirname, '../fixtures/bpf', `${name}.bpf.c`);
    const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
    execFileSync(compiler, ['-g', '-O2', '-target', 'bpf', include, ...flags, '-c', source, '-o', output], {
      stdio: 'pipe',
    });
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const seedable = ['hash', 'array', 'lru_hash', 'percpu_hash', 'percpu_array', 'lru_percpu_hash', 'lpm_trie'];

async function seedMaps(
  client: HelperClient,
  loaded: LoadedObject,
  machines: readonly Machine[],
  random: Random,
): Promise<void> {
  for (const info of loaded.maps) {
    if (!seedable.includes(info.type) || info.name.startsWith('.') || info.frozen) continue;
    for (let entry = 0; entry < Math.min(8, info.maxEntries); entry++) {
      const key = new Uint8Array(info.keySize);
      if (info.type === 'lpm_trie') {
        new DataView(key.buffer).setUint32(0, random.pick([0, 8, 16, 8 * (info.keySize - 4)]), true);
        if (info.keySize > 4) key[4] = random.pick([10, 192, 127]);
      } else key[0] = entry;
      const size = machines[0]!.map(info.name)?.userValueSize ?? 0;
      const value = random.bytes(size).map((byte, at) => (at % 4 === 0 ? byte & 3 : 0));
      const written = await client.call('map/update', { map: { id: info.id }, key, value, flags: 0 }).then(
        () => true,
        () => false,
      );
      // What the kernel does not take, such as values that hold a lock, stays empty everywhere.
      if (written) for (const machine of machines) machine.map(info.name)?.set(key, value);
    }
  }
}

async function compareRun(
  client: HelperClient,
  loaded: LoadedObject,
  machines: readonly [Machine, Machine],
  request: XdpRequest,
  cpu: number,
): Promise<string[]> {
  const { packet, program, metadata = new Uint8Array(0) } = request;
  const data = new Uint8Array(metadata.length + packet.length);
  data.set(metadata);
  data.set(packet, metadata.length);
  const given = metadata.length > 0 || request.ingressIfindex !== undefined;
  const kernel = await client.call('program/testRun', {
    object: loaded.object,
    program,
    data,
    repeat: 1,
    cpu,
    capturePrintk: false,
    ...(given ? { ctx: contextBytes(request, data.length) } : {}),
  });
  const vm = machines[0].runXdp(request);
  const compiled = machines[1].runXdp(request);
  const differences: string[] = [];
  const compare = (what: string, a: string, b: string): void => {
    if (a !== b) differences.push(`${what}: kernel ${a}, machine ${b}`);
  };
  if (vm.fault !== undefined) differences.push(`machine: ${describeFault(vm.fault)}`);
  compare('verdict', String(kernel.retval), String(vm.retval));
  const bytesOut = new Uint8Array(vm.metadataOut.length + vm.packetOut.length);
  bytesOut.set(vm.metadataOut);
  bytesOut.set(vm.packetOut, vm.metadataOut.length);
  compare('bytes', hex(kernel.dataOut), hex(bytesOut));
  const context = new Uint8Array(Uint32Array.from(Object.values(vm.ctxOut)).buffer);
  compare('context', hex(kernel.ctxOut), hex(context));
  const [own, other] = [vm, compiled].map((run) => JSON.stringify(run));
  if (own !== other) differences.push(`interpreter ${own}, compiled ${other}`);
  return differences.map((difference) => `${program} on ${hex(data)}: ${difference}`);
}

function contextBytes(request: XdpRequest, length: number): Uint8Array {
  const ctx = new Uint8Array(24);
  const view = new DataView(ctx.buffer);
  view.setUint32(0, request.metadata?.length ?? 0, true);
  view.setUint32(4, length, true);
  view.setUint32(12, request.ingressIfindex ?? 0, true);
  return ctx;
}

const unlisted = [
  'xskmap',
  'ringbuf',
  'perf_event_array',
  'bloom_filter',
  'prog_array',
  'array_of_maps',
  'hash_of_maps',
];

async function compareMaps(client: HelperClient, loaded: LoadedObject, machine: Machine): Promise<string[]> {
  const differences: string[] = [];
  for (const info of loaded.maps) {
    if (unlisted.includes(info.type)) continue;
    const vmMap = machine.map(info.name);
    if (vmMap === undefined) throw new Error(`the machine has no map ${info.name}`);
    const kernel = await readAll(client, info);
    const vm = info.keySize === 0 ? undefined : vmMap.read();
    if (vm === undefined) continue;
    const schema = mapSchema(info, undefined, 0, 0, client.hello.possibleCpus);
    for (const { key, before, after } of diffPages(schema, kernel, vm)) {
      differences.push(`${info.name}[${hex(key)}]: kernel ${hex(before)}, machine ${hex(after)}`);
    }
  }
  return differences;
}

async function readAll(client: HelperClient, info: MapInfo): Promise<RawPage> {
  const pages: RawPage[] = [];
  let cursor: Uint8Array | undefined;
  do {
    const page = await client.call('map/read', { map: { id: info.id }, limit: 4096, ...(cursor ? { cursor } : {}) });
    pages.push(page);
    cursor = page.cursor;
  } while (cursor);
  const join = (parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
  return {
    count: pages.reduce((sum, page) => sum + page.count, 0),
    keys: join(pages.map((page) => page.keys)),
    values: join(pages.map((page) => page.values)),
  };
}

function hex(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? 'nothing' : Buffer.from(bytes).toString('hex');
}
