import * as v from 'valibot';
import { type FromMapsView, MapOwner, type MapSummary, type ToMapsView } from '../../../extension/protocol/webview.ts';
import type { Channel } from '../../common/channel.ts';
import { Conversation } from './conversation.ts';
import { EventLog } from './eventLog.ts';
import { MapEditor } from './mapEditor.ts';
import { MapModel, type MapSchemaMessage } from './mapModel.ts';
import { type Order, Reader } from './reader.ts';
import { Snapshots } from './snapshots.ts';

export type MapProblem = Extract<ToMapsView, { kind: 'problem' }>;
type ListMessage = Extract<ToMapsView, { kind: 'maps' }>;

export const pollIntervals = [50, 100, 250, 500, 1000, 2000, 5000, 10_000] as const;

export const ShownColumns = v.object({
  delta: v.boolean(),
  trend: v.boolean(),
  spread: v.boolean(),
  cpus: v.boolean(),
  idle: v.boolean(),
});
export type ShownColumns = v.InferOutput<typeof ShownColumns>;

/** What survives a reload. Map ids do not (every load makes new maps), so names are remembered beside them. */
export const RememberedMaps = v.object({
  maps: v.object({
    selected: v.optional(
      v.object({
        id: v.number(),
        name: v.string(),
        group: v.string(),
        borrowed: v.optional(v.boolean()),
        owner: v.optional(MapOwner),
      }),
    ),
    paused: v.boolean(),
    intervalMs: v.pipe(v.number(), v.minValue(50), v.maxValue(10_000)),
    /** What the rows of one map are filtered by, and ordered. */
    arrangement: v.optional(
      v.object({
        map: v.string(),
        filter: v.string(),
        order: v.optional(v.object({ by: v.string(), descending: v.boolean() })),
      }),
    ),
    /** What the table shows beside keys and sums. */
    columns: ShownColumns,
  }),
});
type Remembered = v.InferOutput<typeof RememberedMaps>['maps'];

/**
 * Which map to show: the one chosen before, by id; else one of the same name, first under the same program; else what
 * the host proposes; else the first.
 */
export function chooseMap(
  maps: readonly MapSummary[],
  remembered: Remembered['selected'],
  proposed: number | undefined,
): MapSummary | undefined {
  return (
    maps.find((map) => map.id === remembered?.id && map.name === remembered.name) ??
    maps.find((map) => map.name === remembered?.name && map.group === remembered.group) ??
    maps.find((map) => map.name === remembered?.name) ??
    maps.find((map) => map.id === proposed) ??
    maps[0]
  );
}

/** Everything the live view knows, and the only place that talks to the host about it. */
export class MapsStore {
  /** undefined until the host has said what there is. */
  maps: readonly MapSummary[] | undefined;
  selected: MapSummary | undefined;
  /** Programs that are attached, with maps or without. */
  attached = 0;
  schema: MapSchemaMessage | undefined;
  /** Reads the selected map; a new one for each map and each new shape of it. */
  reader: Reader | undefined;
  /** In place of the reader, for maps that are streams. */
  events: EventLog | undefined;
  snapshots: Snapshots | undefined;
  /** Changes the selected map. */
  editor: MapEditor | undefined;
  /** About the selected map; undefined until its types are known. */
  conversation: Conversation | undefined;
  gone: string | undefined;
  /** The map that this view is for is not there any more, and nothing else is shown in its place. */
  over: ListMessage['over'];
  /** For one map and no other: a tab. */
  stays = false;
  problem: MapProblem | undefined;
  paused = false;
  intervalMs = 500;
  columns: ShownColumns = { delta: false, trend: true, spread: false, cpus: true, idle: false };
  private remembered: Remembered['selected'];
  private arrangement: Remembered['arrangement'];
  private readonly listeners = new Set<() => void>();
  private readonly channel: Channel<unknown, FromMapsView>;

  constructor(channel: Channel<unknown, FromMapsView>) {
    this.channel = channel;
    const stored = channel.loadState(RememberedMaps)?.maps;
    if (stored === undefined) return;
    this.paused = stored.paused;
    this.intervalMs = stored.intervalMs;
    this.columns = stored.columns;
    this.remembered = stored.selected;
    this.arrangement = stored.arrangement;
  }

  /** Tells the host that the view listens. Returns how to stop. */
  start(): () => void {
    const onVisibility = (): void => this.pace();
    document.addEventListener('visibilitychange', onVisibility);
    this.channel.post({ kind: 'ready' });
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      this.reader?.close();
    };
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  accept(message: ToMapsView): void {
    switch (message.kind) {
      case 'maps':
        this.acceptMaps(message);
        break;
      case 'schema':
        this.acceptSchema(message);
        break;
      case 'arranged':
      case 'rows':
      case 'values':
      case 'refused':
      case 'edited':
      case 'snapshot':
        if (message.mapId !== this.schema?.mapId) return;
        if (message.kind === 'arranged' || message.kind === 'rows') {
          this.gone = undefined;
          // What went wrong before does not any more.
          this.problem = undefined;
        }
        // Whoever asked says so when it has everything.
        this.conversation?.accept(message);
        return;
      case 'history':
        if (message.mapId !== this.schema?.mapId || this.editor === undefined) return;
        this.editor.undoable = message.undoable;
        break;
      case 'events':
        if (message.mapId === this.schema?.mapId) this.events?.accept(message);
        return;
      case 'gone':
        if (message.mapId !== this.selected?.id) return;
        this.gone = message.reason;
        break;
      case 'problem':
        this.problem = message;
        break;
      case 'clearProblem':
        this.problem = undefined;
        break;
    }
    this.changed();
  }

  select(mapId: number): void {
    const map = this.maps?.find((candidate) => candidate.id === mapId);
    if (map === undefined) return;
    this.remembered = rememberedOf(map);
    this.show(map);
    this.remember();
    this.changed();
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
    this.controlsChanged();
  }

  setInterval(intervalMs: number): void {
    this.intervalMs = intervalMs;
    this.controlsChanged();
  }

  /** Filter and order of the rows. */
  arrange(change: { filter?: string; order?: Order | undefined }): void {
    const { reader, selected } = this;
    if (reader === undefined || selected === undefined) return;
    reader.arrange(change);
    const { filter, order } = reader;
    this.arrangement = { map: selected.name, filter, order };
    this.remember();
  }

  setColumns(change: Partial<ShownColumns>): void {
    this.columns = { ...this.columns, ...change };
    this.remember();
    this.changed();
  }

  /** Onto the clipboard. */
  copy(text: string): void {
    this.channel.post({ kind: 'copy', text });
  }

  save(name: string, text: string): void {
    this.channel.post({ kind: 'save', name, text });
  }

  export(): void {
    if (this.selected !== undefined) this.channel.post({ kind: 'export', mapId: this.selected.id });
  }

  openInEditor(mapId: number, name: string): void {
    this.channel.post({ kind: 'openInEditor', mapId, name });
  }

  openNewer(mapId: number): void {
    this.channel.post({ kind: 'openNewer', mapId });
  }

  openOther(): void {
    this.channel.post({ kind: 'openOther' });
  }

  closeMap(mapId: number): void {
    this.channel.post({ kind: 'closeMap', mapId });
  }

  act(command: Extract<FromMapsView, { kind: 'action' }>['command']): void {
    this.channel.post({ kind: 'action', command });
  }

  private acceptMaps({ maps, selected, attached, stay, over }: ListMessage): void {
    this.maps = maps;
    this.attached = attached ?? 0;
    this.stays = stay === true;
    this.over = over;
    // Which build's map a tab goes on with, the host knows: a map of the same name may be another program's.
    const chosen = this.stays ? maps.find(({ id }) => id === selected) : chooseMap(maps, this.remembered, selected);
    // A tab that was opened for this map shows it again after a reload, though nobody chose it in a list.
    if (chosen !== undefined && this.stays) {
      this.remembered = rememberedOf(chosen);
      this.remember();
    }
    if (chosen === undefined) {
      this.selected = undefined;
      this.gone = undefined;
      this.forget();
    } else if (chosen.id !== this.selected?.id) {
      this.show(chosen);
    } else {
      this.selected = chosen;
    }
  }

  private acceptSchema(message: MapSchemaMessage): void {
    if (message.mapId !== this.selected?.id) return;
    // The host may say it twice: once by itself, once because it was asked. What was read is still good then.
    if (this.schema !== undefined && sameShape(this.schema, message)) return;
    this.forget();
    this.schema = message;
    this.gone = undefined;
    this.conversation = new Conversation(message.mapId, (question) => this.channel.post(question));
    this.editor = new MapEditor(
      this.conversation,
      () => {
        this.reader?.refresh();
        this.changed();
      },
      (id) => this.reader?.rows.startWriting(id) ?? (() => undefined),
    );
    if (this.selected.shows === 'events') {
      this.events = new EventLog(message, this.conversation, () => this.changed());
      void this.events.follow({ force: false });
      return;
    }
    const model = new MapModel(message);
    this.reader = new Reader(model, this.conversation, () => this.changed());
    if (this.arrangement?.map === message.name) this.reader.arrange(this.arrangement);
    this.snapshots = new Snapshots(model, this.conversation, () => this.changed());
    this.pace();
  }

  private show(map: MapSummary): void {
    this.selected = map;
    this.gone = undefined;
    this.forget();
    this.channel.post({ kind: 'select', mapId: map.id });
  }

  private forget(): void {
    if (this.events !== undefined && this.schema !== undefined) {
      this.channel.post({ kind: 'unfollow', mapId: this.schema.mapId });
    }
    this.events = undefined;
    this.schema = undefined;
    this.reader?.close();
    this.reader = undefined;
    this.conversation?.close();
    this.conversation = undefined;
    this.editor = undefined;
    this.snapshots = undefined;
  }

  private controlsChanged(): void {
    this.pace();
    this.remember();
    this.changed();
  }

  private pace(): void {
    const { paused, intervalMs } = this;
    this.reader?.setPace({ paused, intervalMs, hidden: document.visibilityState === 'hidden' });
  }

  private remember(): void {
    const maps: Remembered = {
      selected: this.remembered,
      paused: this.paused,
      intervalMs: this.intervalMs,
      columns: this.columns,
      ...(this.arrangement === undefined ? {} : { arrangement: this.arrangement }),
    };
    this.channel.saveState({ maps });
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}

function rememberedOf({ id, name, group, borrowed, owner }: MapSummary): NonNullable<Remembered['selected']> {
  return { id, name, group, borrowed, ...(owner === undefined ? {} : { owner }) };
}

function sameShape(left: MapSchemaMessage, right: MapSchemaMessage): boolean {
  const shape = ({ mapId, type, keySize, valueSize, maxEntries, keyTypeId, valueTypeId }: MapSchemaMessage): string =>
    [mapId, type, keySize, valueSize, maxEntries, keyTypeId, valueTypeId].join(' ');
  return shape(left) === shape(right) && left.btf?.length === right.btf?.length;
}
