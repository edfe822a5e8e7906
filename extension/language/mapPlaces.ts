import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { scanSource } from '../core/c/source.ts';

/** A place of a map's name in a file. Offsets are those of the text. */
export interface MapPlace {
  file: string;
  text: string;
  start: number;
  end: number;
  isDefinition: boolean;
}

const maxFiles = 400;
const maxBytes = 1 << 20;

/**
 * Every place of a map: in the source that defines it, in sources and headers of the same folder that mention it, and in packet tests of
 * that source. `open` gives what is on the screen in place of what is on disk.
 */
export async function placesOfMap(
  file: string,
  name: string,
  open: (file: string) => string | undefined,
): Promise<MapPlace[]> {
  const folder = dirname(file);
  const names = await readdir(folder).catch((): string[] => []);
  const places: MapPlace[] = [];
  for (const each of names.filter((one) => /\.(?:c|h|xdptest\.json)$/.test(one)).slice(0, maxFiles)) {
    const path = join(folder, each);
    const text = open(path) ?? (await readText(path));
    if (text === undefined || !text.includes(name)) continue;
    places.push(...(each.endsWith('.json') ? inTest(path, text, { name, source: file }) : inSource(path, text, name)));
  }
  return places;
}

async function readText(path: string): Promise<string | undefined> {
  const info = await stat(path).catch(() => undefined);
  return info?.isFile() === true && info.size <= maxBytes
    ? await readFile(path, 'utf8').catch(() => undefined)
    : undefined;
}

function inSource(file: string, text: string, name: string): MapPlace[] {
  const source = scanSource(text);
  const definitions = new Set(source.maps.filter((map) => map.name === name).map(({ nameSpan }) => nameSpan.start));
  return [...source.code.matchAll(new RegExp(String.raw`(?<![\w.>])${name}\b`, 'g'))].map(({ index }) => ({
    file,
    text,
    start: index,
    end: index + name.length,
    isDefinition: definitions.has(index),
  }));
}

/** Names of maps are keys of "maps" objects; a test is about the source that it names. */
function inTest(file: string, text: string, { name, source }: { name: string; source: string }): MapPlace[] {
  const named = /"source"\s*:\s*"([^"]+)"/.exec(text)?.[1];
  if (named !== undefined && resolve(dirname(file), named).replace(/\.o$/, '.c') !== source) return [];
  return [...text.matchAll(new RegExp(String.raw`"${name}"(?=\s*:)`, 'g'))].map(({ index }) => ({
    file,
    text,
    start: index + 1,
    end: index + 1 + name.length,
    isDefinition: false,
  }));
}

/** The source that a packet test names. */
export function sourceOfTest(file: string, text: string): string | undefined {
  const named = /"source"\s*:\s*"([^"]+)"/.exec(text)?.[1];
  return named === undefined ? undefined : resolve(dirname(file), named).replace(/\.o$/, '.c');
}
