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
 * Every place of a map: in the source that defines it, in sources and headers of the same folder that mention it, in the headers that it
 * includes from other folders, and in packet tests of that source beside it or in a folder for tests. `open` gives what is on the screen in place of what is on disk.
 */
export async function placesOfMap(
  file: string,
  name: string,
  open: (file: string) => string | undefined,
): Promise<MapPlace[]> {
  const folder = dirname(file);
  const names = await readdir(folder).catch((): string[] => []);
  const beside = names.filter((one) => /\.(?:c|h|xdptest\.json)$/.test(one)).map((each) => join(folder, each));
  const elsewhere = [...(await includedBy(file, open)), ...(await testsNear(folder))];
  const places: MapPlace[] = [];
  for (const path of new Set([...beside, ...elsewhere].slice(0, maxFiles))) {
    const text = open(path) ?? (await readText(path));
    if (text === undefined || !text.includes(name)) continue;
    places.push(...(path.endsWith('.json') ? inTest(path, text, { name, source: file }) : inSource(path, text, name)));
  }
  return places;
}

/** Headers that a source includes by a path from its own, in other folders; and those that they include. */
async function includedBy(file: string, open: (file: string) => string | undefined): Promise<string[]> {
  const found = new Set([file]);
  // A set is walked to its end, also over what is added meanwhile.
  for (const path of found) {
    if (found.size > maxIncluded) break;
    const text = open(path) ?? (await readText(path));
    for (const [, header = ''] of text?.matchAll(/^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"/gm) ?? []) {
      const included = resolve(dirname(path), header);
      const isThere = (await stat(included).catch(() => undefined))?.isFile() === true;
      if (isThere) found.add(included);
    }
  }
  found.delete(file);
  return [...found];
}

const maxIncluded = 100;

/** Packet tests in the folders that projects keep tests in. */
async function testsNear(folder: string): Promise<string[]> {
  const folders = ['test', 'tests', '../test', '../tests'].map((each) => join(folder, each));
  const listed = await Promise.all(
    folders.map(async (each) => {
      const names = await readdir(each).catch((): string[] => []);
      return names.filter((name) => name.endsWith('.xdptest.json')).map((name) => join(each, name));
    }),
  );
  return listed.flat();
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
