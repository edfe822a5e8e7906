import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type * as vscode from 'vscode';
import { registerSourceHints } from '../../extension/host/maps/sourceHints.ts';
import { SourceNumbers } from '../../extension/host/maps/sourceNumbers.ts';
import type { Services } from '../../extension/host/services.ts';
import type { LiveAttachment } from '../../extension/session/attach/attachments.ts';
import { layouts, mapOf, struct } from '../support/mapSchemas.ts';

const file = '/work/count.bpf.c';
const text = `struct { __uint(type, BPF_MAP_TYPE_ARRAY); } counts SEC(".maps");
__u64 dropped;
SEC("xdp") int count(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct rec *rec = bpf_map_lookup_elem(&counts, &key);
	if (rec)
		rec->packets++;
	dropped += 1;
	return XDP_PASS;
}
`;

/** What VS Code was given, and what it shows. */
const seen = vi.hoisted(() => ({
  lenses: undefined as vscode.CodeLensProvider | undefined,
  hints: undefined as vscode.InlayHintsProvider | undefined,
  shown: [] as string[],
  lookAgain: [] as (() => void)[],
}));

vi.mock('vscode', () => {
  const disposable = { dispose: () => undefined };
  return {
    l10n: {
      t: (template: string, ...values: unknown[]) =>
        template.replace(/\{(\d)\}/g, (_, at: string) => String(values[Number(at)])),
    },
    env: { language: 'en' },
    Disposable: { from: () => disposable },
    EventEmitter: class {
      event = () => disposable;
      fire = () => undefined;
      dispose = () => undefined;
    },
    Range: class {
      readonly start: { line: number };
      readonly end: { line: number };
      constructor(start: { line: number }, end: { line: number }) {
        this.start = start;
        this.end = end;
      }
    },
    CodeLens: class {
      readonly range: unknown;
      readonly command: unknown;
      constructor(range: unknown, command: unknown) {
        this.range = range;
        this.command = command;
      }
    },
    InlayHint: class {
      readonly position: unknown;
      readonly label: string;
      constructor(position: unknown, label: string) {
        this.position = position;
        this.label = label;
      }
    },
    window: {
      get visibleTextEditors() {
        return seen.shown.map((fsPath) => ({ document: { uri: { fsPath } } }));
      },
      onDidChangeVisibleTextEditors: (listener: () => void) => {
        seen.lookAgain.push(listener);
        return disposable;
      },
    },
    languages: {
      registerCodeLensProvider: (_: unknown, provider: vscode.CodeLensProvider) => {
        seen.lenses = provider;
        return disposable;
      },
      registerInlayHintsProvider: (_: unknown, provider: vscode.InlayHintsProvider) => {
        seen.hints = provider;
        return disposable;
      },
    },
  };
});

beforeEach(() => {
  vi.useFakeTimers();
  seen.shown = [file];
  seen.lookAgain = [];
});
afterEach(() => void vi.useRealTimers());

const { u32, u64 } = layouts;

/** The program on an interface, with maps of its own whose counter stands at `packets`. */
function attachment(iface: string, ids: { counts: number; data: number }, packets: { now: number }): LiveAttachment {
  const open = (id: number, name: string, schema: ReturnType<typeof mapOf>) => ({
    ref: { id },
    info: { id, name, type: 'array', keySize: 4, valueSize: schema.valueSize, maxEntries: 1 },
    schema,
  });
  const counts = mapOf('array', u32, struct('rec', { packets: u64 }), { maxEntries: 1, name: 'counts' });
  const data = mapOf('array', u32, struct('', { dropped: u64 }), { maxEntries: 1, name: '.bss' });
  const client = {
    call: async (method: string) => {
      expect(method).toBe('map/read');
      const values = new Uint8Array(BigUint64Array.of(BigInt(packets.now)).buffer);
      return { count: 1, keys: new Uint8Array(4), values, atNs: BigInt(Date.now()) * 1_000_000n };
    },
  };
  const maps = [open(ids.counts, 'counts', counts), open(ids.data, '.bss', data)];
  return { iface, object: { file }, maps, client } as unknown as LiveAttachment;
}

function positionAt(offset: number): { line: number; character: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
}

const lines = text.split('\n');
const source = (isDirty: boolean) =>
  ({
    uri: { fsPath: file },
    isDirty,
    getText: () => text,
    positionAt,
    lineAt: (line: number) => ({ range: { end: { line, character: lines[line]?.length ?? 0 } } }),
  }) as unknown as vscode.TextDocument;

function said(isDirty = false): { lenses: string[]; opens: unknown[]; hints: [line: string, text: string][] } {
  const everything = { contains: () => true } as unknown as vscode.Range;
  const token = {} as vscode.CancellationToken;
  const lenses = seen.lenses?.provideCodeLenses(source(isDirty), token) as vscode.CodeLens[];
  const hints = seen.hints?.provideInlayHints(source(isDirty), everything, token) as vscode.InlayHint[];
  return {
    lenses: lenses.map(({ command }) => command?.title ?? ''),
    opens: lenses.map(({ command }) => (command?.arguments?.[0] as { id: number } | undefined)?.id),
    hints: hints.map(({ position, label }) => [lines[position.line]?.trim() ?? '', label as string]),
  };
}

function watch(...live: LiveAttachment[]): SourceNumbers {
  const services = {
    attachments: { live, onDidChange: () => ({ dispose: () => undefined }) },
  } as unknown as Services;
  const numbers = new SourceNumbers(services);
  registerSourceHints(numbers);
  for (const look of seen.lookAgain) look();
  return numbers;
}

test('over a map what it holds, behind a line what it has counted and how fast', async () => {
  const packets = { now: 1000 };
  const numbers = watch(attachment('veth0', { counts: 1, data: 2 }, packets));
  await vi.advanceTimersByTimeAsync(1);
  expect(said()).toEqual({
    lenses: ['$(pulse) 1 entry: 1,000 packets'],
    opens: [1],
    hints: [
      ['rec->packets++;', '= 1,000'],
      ['dropped += 1;', '= 1,000'],
    ],
  });
  packets.now = 3000;
  await vi.advanceTimersByTimeAsync(1000);
  expect(said().lenses).toEqual(['$(pulse) 1 entry: 3,000 packets, 2,000/s']);
  expect(said().hints[0]).toEqual(['rec->packets++;', '= 3,000, 2,000/s']);
  // What is edited is not what runs.
  expect(said(true).hints).toEqual([]);
  numbers.dispose();
});

test('on two interfaces each map has its own line, and a counting line the sum of both', async () => {
  const [first, second] = [{ now: 10 }, { now: 200 }];
  const numbers = watch(
    attachment('veth0', { counts: 1, data: 2 }, first),
    attachment('veth1', { counts: 3, data: 4 }, second),
  );
  await vi.advanceTimersByTimeAsync(1);
  first.now = 20;
  second.now = 230;
  await vi.advanceTimersByTimeAsync(1000);
  expect(said()).toEqual({
    lenses: ['$(pulse) veth0: 1 entry: 20 packets, 10/s', '$(pulse) veth1: 1 entry: 230 packets, 30/s'],
    opens: [1, 3],
    hints: [
      ['rec->packets++;', '= 250, 40/s'],
      ['dropped += 1;', '= 250, 40/s'],
    ],
  });
  numbers.dispose();
});

test('maps that two attachments share are counted once, and nothing is read while the source is out of sight', async () => {
  const packets = { now: 10 };
  const numbers = watch(
    attachment('veth0', { counts: 1, data: 2 }, packets),
    attachment('veth1', { counts: 1, data: 2 }, packets),
  );
  await vi.advanceTimersByTimeAsync(1);
  expect(said().hints[0]).toEqual(['rec->packets++;', '= 10']);
  seen.shown = [];
  for (const look of seen.lookAgain) look();
  expect([vi.getTimerCount(), said().lenses]).toEqual([0, []]);
  numbers.dispose();
});
