import type { RowCache } from '../data/rowCache.ts';

/** Two hours at ten readings a second would be too much to draw; at one a second this is two hours. */
const maxPoints = 7200;

/** A gap is longer than this, and than so many readings. */
const gapSeconds = 2;
const gapSteps = 5;

export type Measure = 'rate' | 'value';

/** What the chosen rows counted over time, one number of the map at a time. */
export class PlotData {
  /** Index into the model's `numericFields`. */
  field = 0;
  /** Ids of rows, in the order in which they were chosen. */
  readonly ids: string[] = [];
  /** By id, how the row is called. */
  readonly names = new Map<string, string>();
  private readonly times: number[] = [];
  private readonly values = new Map<string, { value: (number | null)[]; rate: (number | null)[] }>();
  private lastAtMs = 0;

  toggle(id: string, name: string): void {
    const at = this.ids.indexOf(id);
    if (at >= 0) {
      this.ids.splice(at, 1);
      this.values.delete(id);
      return;
    }
    this.ids.push(id);
    this.names.set(id, name);
    const blank = (): null[] => this.times.map(() => null);
    this.values.set(id, { value: blank(), rate: blank() });
  }

  setField(field: number): void {
    if (field === this.field) return;
    this.field = field;
    this.times.length = 0;
    for (const series of this.values.values()) {
      series.value.length = 0;
      series.rate.length = 0;
    }
  }

  /** The newest time, in seconds; undefined before the first. */
  get lastTime(): number | undefined {
    return this.times.at(-1);
  }

  /** After a reading; `nowMs`: of the wall clock, for the time axis. Answers whether there was something new. */
  record(rows: RowCache, nowMs: number): boolean {
    const field = rows.model.numericFields[this.field];
    const atMs = Math.max(0, ...this.ids.map((id) => rows.byId(id)?.atMs ?? 0));
    if (field === undefined || atMs === 0 || atMs === this.lastAtMs) return false;
    this.lastAtMs = atMs;
    const time = this.nextTime(nowMs / 1000);
    this.times.push(time);
    for (const id of this.ids) {
      const series = this.values.get(id);
      const reading = rows.byId(id)?.reading;
      series?.value.push(reading === undefined ? null : Number(rows.model.sum(reading.now, field)));
      series?.rate.push(reading === undefined ? null : (rows.model.rate(reading, field) ?? null));
    }
    if (this.times.length > maxPoints) {
      // A tenth at once: arrays are not moved with every reading.
      const drop = maxPoints / 10;
      this.times.splice(0, drop);
      for (const series of this.values.values()) {
        series.value.splice(0, drop);
        series.rate.splice(0, drop);
      }
    }
    return true;
  }

  /**
   * Times rise, also when the clock is set back. Where nothing was read for a while (a pause, nobody looked) the lines end: what they
   * counted then is not known but for its mean.
   */
  private nextTime(now: number): number {
    const last = this.times.at(-1);
    if (last === undefined) return now;
    const time = Math.max(now, last + 0.001);
    const usual = last - (this.times.at(-2) ?? last);
    if (time - last > gapSeconds && time - last > gapSteps * usual) {
      this.times.push(last + usual);
      for (const { value, rate } of this.values.values()) {
        value.push(null);
        rate.push(null);
      }
    }
    return time;
  }

  /** As uPlot takes it: times in seconds, then a series a row. `until`: without what came later, in arrays that stay as they are. */
  columns(measure: Measure, until?: number): [number[], ...(number | null)[][]] {
    const { times } = this;
    const series = this.ids.map((id) => this.values.get(id)?.[measure] ?? []);
    if (until === undefined) return [times, ...series];
    const after = times.findIndex((time) => time > until);
    const count = after < 0 ? times.length : after;
    return [times.slice(0, count), ...series.map((values) => values.slice(0, count))];
  }
}
