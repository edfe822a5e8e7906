import * as v from 'valibot';
import type { FromMapsView, MapSummary, ToMapsView } from '../../extension/protocol/webview.ts';
import type { Channel } from './channel.ts';

type MessageOf<K extends ToMapsView['kind']> = Extract<ToMapsView, { kind: K }>;
export type MapSchemaMessage = MessageOf<'schema'>;
export type MapPageMessage = MessageOf<'page'>;
export type MapProblem = MessageOf<'problem'>;

export const pollIntervals = [100, 250, 500, 1000, 2000, 5000] as const;

/** What survives a reload. Map ids do not (every load makes new maps), so names are remembered beside them. */
export const RememberedMaps = v.object({
  maps: v.object({
    selected: v.optional(v.object({ id: v.number(), name: v.string(), group: v.string() })),
    paused: v.boolean(),
    intervalMs: v.pipe(v.number(), v.minValue(50), v.maxValue(10_000)),
    showIdle: v.boolean(),
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

/** Everything the live counters know, and the only place that talks to the host about them. */
export class MapsStore {
  /** undefined until the host has said what there is. */
  maps: readonly MapSummary[] | undefined;
  selected: MapSummary | undefined;
  /** Programs that are attached, with maps or without. */
  attached = 0;
  schema: MapSchemaMessage | undefined;
  page: MapPageMessage | undefined;
  previous: MapPageMessage | undefined;
  gone: string | undefined;
  problem: MapProblem | undefined;
  paused = false;
  intervalMs = 500;
  showIdle = false;
  private remembered: Remembered['selected'];
  private readonly listeners = new Set<() => void>();
  private readonly channel: Channel<unknown, FromMapsView>;

  constructor(channel: Channel<unknown, FromMapsView>) {
    this.channel = channel;
    const stored = channel.loadState(RememberedMaps)?.maps;
    if (stored === undefined) return;
    this.paused = stored.paused;
    this.intervalMs = stored.intervalMs;
    this.showIdle = stored.showIdle;
    this.remembered = stored.selected;
  }

  /** Tells the host that the view listens. Returns how to stop. */
  start(): () => void {
    const onVisibility = (): void => this.sendPoll();
    document.addEventListener('visibilitychange', onVisibility);
    this.channel.post({ kind: 'ready' });
    this.sendPoll();
    return () => document.removeEventListener('visibilitychange', onVisibility);
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  accept(message: ToMapsView): void {
    switch (message.kind) {
      case 'maps':
        this.attached = message.attached ?? 0;
        this.acceptMaps(message.maps, message.selected);
        break;
      case 'schema':
        // The host may say it twice: once by itself, once because it was asked. The pages are still good then.
        if (message.mapId !== this.selected?.id || message.mapId === this.schema?.mapId) return;
        this.schema = message;
        this.gone = undefined;
        this.forgetPages();
        break;
      case 'page':
        if (message.mapId !== this.schema?.mapId) return;
        this.acceptPage(message);
        break;
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
    this.remembered = { id: map.id, name: map.name, group: map.group };
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

  setShowIdle(showIdle: boolean): void {
    this.showIdle = showIdle;
    this.remember();
    this.changed();
  }

  act(command: Extract<FromMapsView, { kind: 'action' }>['command']): void {
    this.channel.post({ kind: 'action', command });
  }

  private acceptMaps(maps: readonly MapSummary[], proposed: number | undefined): void {
    this.maps = maps;
    const chosen = chooseMap(maps, this.remembered, proposed);
    if (chosen === undefined) {
      this.selected = undefined;
      this.schema = undefined;
      this.gone = undefined;
      this.forgetPages();
    } else if (chosen.id !== this.selected?.id) {
      this.show(chosen);
    } else {
      this.selected = chosen;
    }
  }

  private acceptPage(page: MapPageMessage): void {
    // The same reading again, or a helper that was started anew with another clock: no period to divide by.
    const first = this.page === undefined;
    this.previous = this.page !== undefined && page.atMs > this.page.atMs ? this.page : undefined;
    this.page = page;
    if (first && this.paused) this.sendPoll();
    this.gone = undefined;
    // What went wrong before does not any more.
    this.problem = undefined;
  }

  private show(map: MapSummary): void {
    this.selected = map;
    this.schema = undefined;
    this.gone = undefined;
    this.forgetPages();
    this.channel.post({ kind: 'select', mapId: map.id });
    if (this.paused) this.sendPoll();
  }

  private forgetPages(): void {
    this.page = undefined;
    this.previous = undefined;
  }

  private controlsChanged(): void {
    this.sendPoll();
    this.remember();
    this.changed();
  }

  private sendPoll(): void {
    // Even a paused view shows a map as it is when it is chosen: one reading, then rest.
    const paused = (this.paused && this.page !== undefined) || document.visibilityState === 'hidden';
    this.channel.post({ kind: 'poll', paused, intervalMs: this.intervalMs });
  }

  private remember(): void {
    const maps: Remembered = {
      selected: this.remembered,
      paused: this.paused,
      intervalMs: this.intervalMs,
      showIdle: this.showIdle,
    };
    this.channel.saveState({ maps });
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
