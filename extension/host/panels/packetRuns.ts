import path from 'node:path';
import * as vscode from 'vscode';
import { describeError, toErrorData, XdpError } from '../../core/errors.ts';
import type { MapSetup } from '../../core/packetTest/model.ts';
import type { RecordedRun } from '../../core/packetTest/record.ts';
import type { FromPacketPanel, ToPacketPanel } from '../../protocol/webview.ts';
import type { RunContext } from '../../session/run/input.ts';
import type { MapChanges, RunResult } from '../../session/run/run.ts';
import { settings } from '../ids.ts';
import type { StoryRequest } from '../../session/engine/story.ts';
import { schemaMessage } from '../maps/schemaMessage.ts';
import type { Services } from '../services.ts';
import type { PacketRunner } from './packetRunner.ts';

/** A program of a file, as the panel offers it. */
export interface Choice {
  file: vscode.Uri;
  name: string;
  section: string;
}

type Message<K extends FromPacketPanel['kind']> = Extract<FromPacketPanel, { kind: K }>;
export type RunMessage = Message<'run' | 'live' | 'runAll' | 'record' | 'openRecorded' | 'story'>;
type Answer = Extract<ToPacketPanel, { run: number }>;

/** Runs that can still be kept as a test. */
const maxKept = 20;

/** What is around the runs. */
export interface RunSurroundings extends Pick<Services, 'log' | 'milestones'> {
  runner: PacketRunner;
  /** Shows the way of a run in its source; absent where nothing compiles without optimisation. */
  tellStory?(source: vscode.Uri, story: StoryRequest): Promise<void>;
}

interface KeptRun {
  source: vscode.Uri;
  recorded: RecordedRun;
  story: StoryRequest;
  /** Where it was kept. */
  file?: vscode.Uri;
}

/** What the packet panel runs: one packet, many, live frames; and what becomes a test of it. */
export class PacketRuns {
  readonly #around: RunSurroundings;
  readonly #post: (message: Answer) => void;
  readonly #choice: (program: number) => Choice | undefined;
  readonly #kept = new Map<number, KeptRun>();

  constructor(
    around: RunSurroundings,
    choice: (program: number) => Choice | undefined,
    post: (message: Answer) => void,
  ) {
    this.#around = around;
    this.#choice = choice;
    this.#post = post;
  }

  async receive(message: RunMessage): Promise<void> {
    try {
      switch (message.kind) {
        case 'run':
          return await this.#run(message);
        case 'live':
          return await this.#live(message);
        case 'runAll':
          return await this.#runAll(message);
        case 'record':
          return await this.#record(message.run);
        case 'openRecorded':
          return await this.#openRecorded(message.run);
        case 'story':
          return await this.#story(message.run);
      }
    } catch (error) {
      const data = toErrorData(error);
      const log = data.details?.['log'];
      this.#post({
        kind: 'failed',
        run: message.run,
        message: data.message,
        ...(data.fix === undefined ? {} : { fix: data.fix }),
        ...(typeof log === 'string' ? { log } : {}),
      });
      this.#around.log.error(data.message);
    }
  }

  #chosen(message: Message<'run' | 'live' | 'runAll'>): Choice {
    const choice = this.#choice(message.program);
    if (choice === undefined) throw new XdpError('program-not-found', vscode.l10n.t('The program is gone.'));
    this.#post({ kind: 'running', run: message.run });
    return choice;
  }

  async #run(message: Message<'run'>): Promise<void> {
    const choice = this.#chosen(message);
    const { run, packet, repeat, expression, attachedProgId } = message;
    const context = contextOf(message.context);
    const setups = await setupsOf(message.maps);
    const result =
      attachedProgId === undefined
        ? await this.#runFresh(choice, { packet, repeat, context, setups })
        : await this.#kernel().attached(attachedProgId, { packet, repeat, context, setups });
    const { redirectText } = await import('../../session/run/redirect.ts');
    this.#post({
      kind: 'result',
      run,
      action: result.action,
      retval: result.retval,
      durationNs: result.durationNs,
      repeat,
      ...(this.#around.runner.kernel === undefined ? { engine: 'vm' } : {}),
      ...(result.spread === undefined ? {} : { spread: result.spread }),
      packetChanges: result.packetChanges,
      packetIn: result.packetIn,
      packetOut: result.packetOut,
      metadataOut: result.metadataOut,
      ctxOut: { ...result.ctxOut },
      maps: changesOf(result.maps),
      printk: result.printk,
      ...(result.printkProblem === undefined ? {} : { printkProblem: result.printkProblem }),
      events: result.events.map(({ map, records, lost, problem }) => ({
        map,
        records,
        lost,
        ...(problem === undefined ? {} : { problem }),
      })),
      ...(result.redirect === undefined ? {} : { redirect: redirectText(result.redirect) }),
      ...(result.attachedTo === undefined ? {} : { attachedTo: result.attachedTo }),
    });
    if (result.attachedTo === undefined) await this.#keep(run, choice, { result, context, setups, expression });
    this.#around.milestones.reach('packetRun');
    const wanted = vscode.workspace.getConfiguration(undefined, choice.file).get<boolean>(settings.storyAfterRun);
    if (wanted === true && this.#kept.has(run)) await this.#story(run);
    this.#around.log.info(`${path.basename(choice.file.fsPath)}: ${choice.name} → ${result.action}`);
  }

  async #runFresh(
    { file, name }: Choice,
    request: { packet: Uint8Array; repeat: number; context: RunContext; setups: readonly MapSetup[] },
  ): Promise<RunResult & { attachedTo?: string }> {
    const { runner } = this.#around;
    return await runner.one(await runner.open(file), { program: name, ...request });
  }

  #kernel(): NonNullable<PacketRunner['kernel']> {
    const { kernel } = this.#around.runner;
    if (kernel !== undefined) return kernel;
    throw new XdpError(
      'not-available',
      vscode.l10n.t('The built-in machine runs one packet after the other, on fresh maps.'),
    );
  }

  async #live(message: Message<'live'>): Promise<void> {
    const { file, name } = this.#chosen(message);
    const { run, packet, frames, batch } = message;
    const kernel = this.#kernel();
    const object = await this.#around.runner.open(file);
    const context = contextOf(message.context);
    const setups = await setupsOf(message.maps);
    const request = { program: name, packet, context, setups, frames, ...(batch === undefined ? {} : { batch }) };
    const { maps, ...result } = await kernel.live(object, request);
    this.#post({ kind: 'liveResult', run, ...result, maps: changesOf(maps) });
  }

  async #runAll(message: Message<'runAll'>): Promise<void> {
    const { run } = message;
    const { file, name } = this.#chosen(message);
    const chosen = message.packets === undefined ? await chooseCapture() : undefined;
    const packets = message.packets ?? chosen?.packets;
    if (packets === undefined) return this.#post({ kind: 'cancelled', run });
    const { runner } = this.#around;
    const object = await runner.open(file);
    const context = contextOf(message.context);
    const setups = await setupsOf(message.maps);
    const { rows, maps } = await runner.many(object, { program: name, packets, context, setups });
    this.#post({
      kind: 'sequence',
      run,
      ...(chosen === undefined ? {} : { name: chosen.name }),
      rows: rows.map(({ packetIn, outcome }) =>
        outcome.kind === 'refused'
          ? { packetIn, problem: outcome.error.message }
          : { packetIn, action: outcome.action, packetOut: outcome.packetOut },
      ),
      maps: changesOf(maps),
    });
  }

  async #keep(
    run: number,
    { file, name: program }: Choice,
    {
      result,
      expression,
      ...given
    }: { result: RunResult; context: RunContext; setups: readonly MapSetup[]; expression: string | undefined },
  ): Promise<void> {
    const { recordRun } = await import('../../session/run/record.ts');
    const name = `${program}: ${result.action}`;
    const recorded = recordRun({ program, ...given }, result, { name, packetText: expression });
    const { context, setups } = given;
    const packets = [{ packet: result.packetIn, context }];
    const story = { file: file.fsPath, program, setups, packets, action: result.action };
    this.#kept.set(run, { source: file, recorded, story });
    for (const old of [...this.#kept.keys()].slice(0, -maxKept)) this.#kept.delete(old);
  }

  /** Into the test file beside the source; what is in an editor counts more than what is on disk. */
  async #record(run: number): Promise<void> {
    const kept = this.#kept.get(run);
    if (kept === undefined) throw new XdpError('usage', vscode.l10n.t('That run is too long ago: run it again.'));
    const { newTestFile, testOfRun } = await import('../../core/packetTest/record.ts');
    const file = testFileOf(kept.source);
    const test = testOfRun(kept.recorded);
    const edit = new vscode.WorkspaceEdit();
    const exists = await vscode.workspace.fs.stat(file).then(
      () => true,
      () => false,
    );
    if (exists) {
      const document = await vscode.workspace.openTextDocument(file);
      const text = document.getText();
      const { editTests } = await import('../../core/packetTest/edit.ts');
      for (const { offset, length, text: by } of editTests(text, { kind: 'append', value: test })) {
        edit.replace(file, new vscode.Range(document.positionAt(offset), document.positionAt(offset + length)), by);
      }
    } else {
      const text = newTestFile(path.basename(kept.source.fsPath), kept.recorded.program, [test]);
      edit.createFile(file, { contents: new TextEncoder().encode(text) });
    }
    if (!(await vscode.workspace.applyEdit(edit))) {
      throw new XdpError('test-file-invalid', vscode.l10n.t('{0} could not be changed.', path.basename(file.fsPath)));
    }
    await (await vscode.workspace.openTextDocument(file)).save();
    kept.file = file;
    this.#around.milestones.keep();
    this.#post({ kind: 'recorded', run, file: path.basename(file.fsPath), test: test.name });
  }

  /** A story that cannot be told is no failed run: it is said in the panel, beside the result. */
  async #story(run: number): Promise<void> {
    const kept = this.#kept.get(run);
    try {
      if (kept === undefined) throw new XdpError('usage', vscode.l10n.t('That run is too long ago: run it again.'));
      await this.#around.tellStory?.(kept.source, kept.story);
      this.#post({ kind: 'storyShown', run });
    } catch (error) {
      this.#post({ kind: 'storyShown', run, problem: describeError(error) });
    }
  }

  async #openRecorded(run: number): Promise<void> {
    const file = this.#kept.get(run)?.file;
    if (file !== undefined) await vscode.commands.executeCommand('vscode.open', file);
  }
}

async function setupsOf(text: string | undefined): Promise<readonly MapSetup[]> {
  if (text === undefined) return [];
  const { parseSetups } = await import('../../session/run/context.ts');
  return parseSetups(text);
}

/** `xdp_firewall.bpf.c` → `xdp_firewall.xdptest.json`, beside it. */
function testFileOf(source: vscode.Uri): vscode.Uri {
  const base = path.posix.basename(source.path).replace(/(\.bpf)?\.(c|o)$/i, '');
  return vscode.Uri.joinPath(source, '..', `${base}.xdptest.json`);
}

async function chooseCapture(): Promise<{ name: string; packets: Uint8Array[] } | undefined> {
  const [file] =
    (await vscode.window.showOpenDialog({
      title: vscode.l10n.t('Run Every Packet of a Capture'),
      filters: { [vscode.l10n.t('Capture files')]: ['pcap', 'pcapng', 'cap'] },
    })) ?? [];
  if (file === undefined) return undefined;
  const { readCapture } = await import('../../session/run/packetArgument.ts');
  const packets = (await readCapture(file.fsPath)).map(({ data }) => new Uint8Array(data));
  return { name: path.basename(file.fsPath), packets };
}

function contextOf({
  ingressIfindex,
  rxQueueIndex,
  metadata,
  cpu,
  linearBytes,
}: Message<'run'>['context']): RunContext {
  return {
    ...(ingressIfindex === undefined ? {} : { ingressIfindex }),
    ...(rxQueueIndex === undefined ? {} : { rxQueueIndex }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(linearBytes === undefined ? {} : { linearBytes }),
  };
}

function changesOf(maps: readonly MapChanges[]): Extract<ToPacketPanel, { kind: 'result' }>['maps'] {
  return maps.map(({ map, changes }) => ({
    map: map.info.name,
    mapId: map.info.id,
    schema: schemaMessage(map),
    changes: changes.map(({ key, before, after }) => ({
      key,
      ...(before ? { before } : {}),
      ...(after ? { after } : {}),
    })),
  }));
}
