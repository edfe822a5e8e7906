import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { decodeEntries, type MapEntry } from '../../extension/core/maps/entries.ts';
import { takeSnapshot } from '../../extension/core/maps/snapshot.ts';
import { MapAnswers } from '../../extension/host/maps/mapAnswers.ts';
import { type TrafficPlan, trafficLimits } from '../../extension/protocol/labTraffic.ts';
import { Attachments, type LiveAttachment } from '../../extension/session/attach/attachments.ts';
import { HotReload } from '../../extension/session/attach/hotReload.ts';
import { AttachmentRegistry } from '../../extension/session/attach/registry.ts';
import { type BpfObject, openObject } from '../../extension/session/bpfObject.ts';
import { bothTestEngine, machinesToCompare } from '../../extension/session/engine/bothTests.ts';
import { type HelperClient, KernelAccess } from '../../extension/session/kernelAccess.ts';
import { defaultMix } from '../../extension/session/lab/trafficMix.ts';
import { identify } from '../../extension/session/lab/processIdentity.ts';
import { deleteEntries, setEntries, undo } from '../../extension/session/maps/edit.ts';
import { type OpenMap, readMap } from '../../extension/session/maps/maps.ts';
import { kernelTestEngine } from '../../extension/session/packetTest/kernel.ts';
import { runPacketTests } from '../../extension/session/packetTest/packetTest.ts';
import { verifyObject } from '../../extension/session/verify.ts';
import type { MeasuredHelper } from './helperMemory.ts';
import type { VethLab } from './kernelHelper.ts';
import { names, type Save, sourceText, testsText } from './soakDayProgram.ts';
import { DayEditor, debugOnce } from './soakDayEditor.ts';
import { fixedWorkMs } from './soakFlat.ts';
import { bundledInclude, repository } from './toolchain.ts';

const sourceName = 'day.bpf.c';

/** What was done so far. */
export interface DayDone {
  saves: number;
  attached: number;
  replaced: number;
  /** Builds that did not compile or were refused: the one before ran on. */
  failed: number;
  polls: number;
  edits: number;
  testRuns: number;
  snapshots: number;
  /** Seconds of the helper's own looks at what is attached. */
  looks: number;
  debugged: number;
  /** Packets of the traffic that the programs counted. */
  packets: number;
}

/** One developer's session, as the extension host has it, without VS Code: work by `round`, rest by `detach`, end by `end`. */
export class SoakDay {
  readonly client: HelperClient;
  readonly done: DayDone = {
    saves: 0,
    attached: 0,
    replaced: 0,
    failed: 0,
    polls: 0,
    edits: 0,
    testRuns: 0,
    snapshots: 0,
    looks: 0,
    debugged: 0,
    packets: 0,
  };
  /** Milliseconds that each poll of the viewer took since it was last emptied. */
  pollMs: number[] = [];
  /** Milliseconds that a fixed piece of work took between them: how fast the machine was meanwhile. */
  workMs: number[] = [];
  readonly editor: DayEditor;
  readonly #lab: VethLab;
  readonly #folder: string;
  readonly #kernel: KernelAccess;
  readonly #attachments: Attachments;
  readonly #reload: HotReload;
  readonly #traffic: ChildProcess;
  readonly #random: () => number;
  #live: LiveAttachment | undefined;
  #view: MapAnswers | undefined;
  #failure: unknown;
  #counted = 0;

  private constructor(
    lab: VethLab,
    parts: {
      folder: string;
      kernel: KernelAccess;
      client: HelperClient;
      editor: DayEditor;
      traffic: ChildProcess;
      random: () => number;
    },
  ) {
    this.#lab = lab;
    this.#folder = parts.folder;
    this.#kernel = parts.kernel;
    this.client = parts.client;
    this.editor = parts.editor;
    this.#traffic = parts.traffic;
    this.#random = parts.random;
    this.#attachments = new Attachments(
      this.#kernel,
      new AttachmentRegistry('vscode', path.join(this.#folder, 'state', 'attachments')),
    );
    this.#reload = new HotReload(this.#attachments, {
      build: () => this.#build(),
      guardSeconds: () => Promise.resolve(undefined),
    });
    this.#reload.onDidReload((event) => {
      if (event.kind === 'failed') this.#failure = event.error;
      else this.#live = event.replaced.attachment;
    });
  }

  static async start(lab: VethLab, options: { helper: MeasuredHelper; random: () => number }): Promise<SoakDay> {
    const { helper, random } = options;
    // In the project: the traffic source finds koffi there.
    const folder = mkdtempSync(path.join(repository, '.cache', 'soak-day-'));
    const kernel = new KernelAccess({ ...helper, elevation: 'none' });
    try {
      const client = await kernel.own(lab.ns);
      const traffic = await startTraffic(lab, folder);
      const editor = await DayEditor.start(path.join(folder, sourceName), path.join(folder, 'heaps'));
      return new SoakDay(lab, { folder, kernel, client, editor, traffic, random });
    } catch (error) {
      await kernel.dispose();
      rmSync(folder, { recursive: true });
      throw error;
    }
  }

  get #source(): string {
    return path.join(this.#folder, sourceName);
  }

  /** Ends everything, also after a failure. */
  async end(): Promise<void> {
    if (this.#traffic.exitCode === null && this.#traffic.signalCode === null) {
      this.#traffic.kill('SIGTERM');
      await once(this.#traffic, 'exit');
    }
    await this.editor.end();
    await this.#attachments.dispose();
    await this.#kernel.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** One save and what follows it until the next. */
  async round(polls: number): Promise<void> {
    const live = await this.#save();
    for (let poll = 0; poll < polls; poll++) {
      await this.#poll(live);
      // Edits and snapshots fall among the polls.
      if (poll === Math.floor(polls / 3) || poll === Math.floor(polls / 2)) await this.#edit(live);
      if (poll === Math.floor((2 * polls) / 3)) await this.#snapshot(live);
    }
    await this.#look();
    await this.#count(live);
    for (let run = 0; run < 2; run++) await this.#test(live);
    // A build that runs.
    if (this.done.saves % 4 === 2) await this.#debug();
  }

  async detach(): Promise<void> {
    this.#view?.close();
    this.#view = undefined;
    if (this.#live !== undefined) {
      await this.#attachments.detach(this.#live);
      if (this.#reload.isOn(this.#live)) throw new Error('hot reload remembers what is detached');
    }
    this.#live = undefined;
    this.#counted = 0;
  }

  /** Of every eight saves one does not compile, one is refused and one changes a map, when something is attached already. */
  async #save(): Promise<LiveAttachment> {
    const { saves } = this.done;
    const before = this.#live;
    const kinds: Record<number, Save> = { 2: 'does-not-compile', 4: 'is-refused', 6: 'other-map' };
    const save = before === undefined ? 'runs' : (kinds[saves % 8] ?? 'runs');
    const text = sourceText(saves, save);
    await this.editor.type(text);
    writeFileSync(this.#source, text);
    writeFileSync(path.join(this.#folder, 'day.xdptest.json'), testsText(sourceName));
    this.done.saves++;
    if (before === undefined) return await this.#attach();
    this.#failure = undefined;
    await this.#reload.saved(this.#source);
    const live = this.#live;
    if (live === undefined) throw new Error('nothing is attached after a save');
    if (save === 'runs' || save === 'other-map') {
      if (this.#failure !== undefined) throw new Error(`${save}: the save failed`, { cause: this.#failure });
      if (live === before) throw new Error('the build before is still attached');
      this.done.replaced++;
    } else {
      const code = save === 'does-not-compile' ? 'compile-failed' : 'program-rejected';
      if ((this.#failure as { code?: string } | undefined)?.code !== code)
        throw new Error(`${save}: not told so`, { cause: this.#failure });
      if (live !== before) throw new Error('the build before does not run on');
      this.done.failed++;
    }
    return live;
  }

  async #attach(): Promise<LiveAttachment> {
    const object = await this.#build();
    const { ns: netns, near: iface } = this.#lab;
    const { program } = names;
    const via = this.#random() < 0.5 ? 'link' : 'netlink';
    const mode = this.#random() < 0.5 ? 'native' : 'generic';
    this.#live = await this.#attachments.attach({ object, program, iface, netns, mode, via, keep: false });
    this.#reload.toggle(this.#live, true);
    this.done.attached++;
    return this.#live;
  }

  /** Compiled and verified, as it is on save. What is refused is refused when it is attached, too. */
  async #build(): Promise<BpfObject> {
    const object = await openObject(this.#source, { bundledInclude });
    const verdicts = await verifyObject(this.client, object);
    if (verdicts.length !== 1) throw new Error(`${verdicts.length} verdicts of one program`);
    return object;
  }

  /** What a view asks at each tick: the order of the rows and those in sight. */
  async #poll(live: LiveAttachment): Promise<void> {
    const { polls } = this.done;
    const which = Math.floor(polls / 16) % 4 === 3 ? 'actions' : 'flows';
    const map = mapOf(live, which);
    const startedMs = performance.now();
    const view = this.#viewOf(live, map);
    const mapId = map.info.id;
    const by = which === 'actions' ? 'value' : 'rate(value.packets)';
    const filter = which === 'flows' && polls % 16 === 0 ? { filter: 'value.packets > 3' } : {};
    const asked = { ...filter, sort: { by, descending: true } };
    const request = polls;
    for (const answer of [
      await view.answer({ kind: 'arrange', mapId, request, ...asked }),
      await view.answer({ kind: 'rows', mapId, request, from: 0, count: 40 }),
    ]) {
      if (answer.kind === 'refused') throw new Error(`The viewer is told: ${answer.message}`);
    }
    this.pollMs.push(performance.now() - startedMs);
    if (polls % 8 === 0) this.workMs.push(fixedWorkMs());
    this.done.polls++;
  }

  /** As the map panel does it: another map, or another build's, is another table of the helper. */
  #viewOf({ client }: LiveAttachment, map: OpenMap): MapAnswers {
    if (this.#view?.map === map) return this.#view;
    this.#view?.close();
    this.#view = new MapAnswers(client, map);
    return this.#view;
  }

  async #edit(live: LiveAttachment): Promise<void> {
    const { client } = live;
    const map = mapOf(live, 'blocked');
    const before = await textOf(client, map);
    const [network, host] = [Math.floor(this.#random() * 250), Math.floor(this.#random() * 250)];
    const key = { prefixlen: 24, address: `10.${network}.${host}.0` };
    const sender = { prefixlen: 32, address: '10.99.0.2' };
    const set = await setEntries(
      client,
      map,
      [key, sender].map((each) => ({ key: each, value: host })),
    );
    const gone = await deleteEntries(client, map, [key]);
    if (set.done !== 2 || gone.done !== 1) throw new Error('an edit was not made');
    await undo(client, map, gone);
    await undo(client, map, set);
    if ((await textOf(client, map)) !== before) throw new Error('an edit was not undone');
    this.done.edits++;
  }

  async #snapshot({ client, ...live }: LiveAttachment): Promise<void> {
    const map = mapOf(live, 'flows');
    const entries = await entriesOf(client, map);
    const file = path.join(this.#folder, 'snapshot.json');
    writeFileSync(file, JSON.stringify(takeSnapshot(map.schema, entries, new Date().toISOString())));
    if (entries.length > 0 && !readFileSync(file, 'utf8').includes('"packets"')) throw new Error('no snapshot');
    this.done.snapshots++;
  }

  /** The helper looks by itself once a second: what a minute brings comes at once. */
  async #look(): Promise<void> {
    for (let second = 0; second < 60; second++) await this.client.call('interfaces/watch', { netns: [] });
    const { interfaces } = await this.client.call('interfaces/list', {});
    if (!interfaces.some(({ name }) => name === this.#lab.near)) throw new Error('the interface is not listed');
    this.done.looks += 60;
  }

  async #debug(): Promise<void> {
    await debugOnce(this.#source);
    this.done.debugged++;
  }

  /** Counters go on where builds follow each other. */
  async #count({ client, ...live }: LiveAttachment): Promise<void> {
    const entries = await entriesOf(client, mapOf(live, 'actions'));
    const now = entries.reduce((sum, entry) => sum + Number(entry.sum), 0);
    if (now < this.#counted) throw new Error(`Packets fell from ${this.#counted} to ${now} under a replaced program`);
    this.done.packets += now - this.#counted;
    this.#counted = now;
  }

  /** The packet tests of what runs, in the kernel and in the machine, compared. */
  async #test({ object, client }: LiveAttachment): Promise<void> {
    const { possibleCpus, onlineCpus } = client.hello;
    const kernel = kernelTestEngine(client);
    const engine = bothTestEngine(kernel, machinesToCompare(possibleCpus), onlineCpus[0] ?? 0);
    const events = runPacketTests({
      files: [path.join(this.#folder, 'day.xdptest.json')],
      build: { bundledInclude },
      objects: object === undefined ? [] : [object],
      engine: () => Promise.resolve(engine),
    });
    for await (const event of events) {
      if (event.kind === 'fileEnded' && event.report.problem !== undefined) throw event.report.problem;
      if (event.kind !== 'tested' || event.result.status === 'passed') continue;
      const { name, problem, failures } = event.result;
      throw new Error(`${name}: ${problem?.message ?? failures.map(({ message }) => message).join('; ')}`);
    }
    this.done.testRuns++;
  }
}

function mapOf({ maps }: Pick<LiveAttachment, 'maps'>, which: 'flows' | 'blocked' | 'actions'): OpenMap {
  const found = maps.find(({ info }) => info.name === names[which]);
  if (found === undefined) throw new Error(`no map ${names[which]}`);
  return found;
}

async function entriesOf(client: HelperClient, { ref, schema }: OpenMap): Promise<MapEntry[]> {
  return decodeEntries(schema, await readMap(client, ref, { maxEntries: 10_000 }));
}

async function textOf(client: HelperClient, map: OpenMap): Promise<string> {
  return (await entriesOf(client, map))
    .map((entry) => JSON.stringify(entry))
    .toSorted()
    .join('\n');
}

/** The lab's own traffic source, from the far end. It ends with this process, with the interface, or when told to. */
async function startTraffic(lab: VethLab, folder: string): Promise<ChildProcess> {
  const script = path.join(folder, 'labTraffic.js');
  await build({
    entryPoints: [path.join(repository, 'extension/kernel/labTraffic.ts')],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['koffi'],
    logLevel: 'error',
  });
  const owner = identify(process.pid);
  const plan: TrafficPlan = {
    interface: lab.far,
    mac: { from: '02:00:00:00:00:02', to: '02:00:00:00:00:01' },
    ipv4: { from: '10.99.0.2', to: '10.99.0.1' },
    ipv6: { from: 'fd99::2', to: 'fd99::1' },
    mix: defaultMix,
    packetsPerSecond: trafficLimits.defaultPacketsPerSecond,
    maxSeconds: 3600,
    ...(owner === undefined ? {} : { owner }),
  };
  const command = ['netns', 'exec', lab.farNs, process.execPath, script, JSON.stringify(plan)];
  const traffic = spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(traffic.stdout, 'data');
  traffic.stdout.destroy();
  return traffic;
}
