import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import gifenc from 'gifenc';
import type { Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { artifacts } from '../../extension/build/paths.mjs';

/** One picture of the window at a moment. */
interface Shot {
  atMs: number;
  png: Buffer;
}

const pauseMs = 250;
/** Three pixels of the window become two: enough to read by. */
const [shown, of] = [2, 3];
const colors = 255;
/** People read slower than a test clicks, and a film begins again: its end stays for a moment. */
const delays = { least: 600, most: 1600, last: 3000 };

/** A short animation of what a test does: artifacts/films/NAME.gif, for the documents. */
export class Film {
  readonly #name: string;
  readonly #shots: Shot[] = [];
  readonly #filming: Promise<void>;
  #ended = false;

  constructor(page: Page, name: string) {
    this.#name = name;
    this.#filming = this.#film(page);
  }

  async #film(page: Page): Promise<void> {
    while (!this.#ended) {
      this.#shots.push({ atMs: performance.now(), png: await page.screenshot() });
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async end(): Promise<string> {
    this.#ended = true;
    await this.#filming;
    const file = path.join(artifacts, 'films', `${this.#name}.gif`);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, encode(this.#shots));
    return file;
  }
}

/** Pictures that are alike are one; of the others only what changed is written. One palette, that of the last. */
function encode(shots: readonly Shot[]): Uint8Array {
  const different = shots.filter(({ png }, index) => index === 0 || !shots[index - 1]?.png.equals(png));
  const last = different.at(-1);
  if (last === undefined) throw new Error('Nothing was filmed.');
  const { width, height, data } = smaller(last.png);
  const palette = gifenc.quantize(data, colors);
  const transparentIndex = palette.length;
  palette.push([0, 0, 0]);
  const gif = gifenc.GIFEncoder();
  let before: Uint8Array | undefined;
  different.forEach(({ atMs, png }, index) => {
    const indices = gifenc.applyPalette(smaller(png).data, palette.slice(0, transparentIndex));
    const stayedMs = (different[index + 1]?.atMs ?? Number.POSITIVE_INFINITY) - atMs;
    const delay = Number.isFinite(stayedMs) ? Math.min(Math.max(stayedMs, delays.least), delays.most) : delays.last;
    const changed =
      before === undefined ? indices : indices.map((color, at) => (color === before?.[at] ? transparentIndex : color));
    gif.writeFrame(changed, width, height, {
      ...(index === 0 && { palette }),
      delay,
      transparent: index > 0,
      transparentIndex,
      dispose: 1,
    });
    before = indices;
  });
  gif.finish();
  return gif.bytes();
}

/** Each pixel is the mean of the area that it stands for. */
function smaller(png: Buffer): { width: number; height: number; data: Uint8Array } {
  const from = PNG.sync.read(png);
  const width = Math.floor((from.width * shown) / of);
  const height = Math.floor((from.height * shown) / of);
  const data = new Uint8Array(width * height * 4);
  const step = of / shown;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 4; channel++) {
        let sum = 0;
        for (const [row, rowWeight] of covered(y * step, step)) {
          for (const [column, columnWeight] of covered(x * step, step)) {
            sum += (from.data[(row * from.width + column) * 4 + channel] ?? 0) * rowWeight * columnWeight;
          }
        }
        data[(y * width + x) * 4 + channel] = Math.round(sum / (step * step));
      }
    }
  }
  return { width, height, data };
}

/** The pixels of a line from `start` on, each with the part of it that is covered. */
function covered(start: number, length: number): [pixel: number, weight: number][] {
  const pixels: [number, number][] = [];
  for (let at = Math.floor(start); at < start + length; at++) {
    pixels.push([at, Math.min(at + 1, start + length) - Math.max(at, start)]);
  }
  return pixels;
}
