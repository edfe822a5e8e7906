import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatC } from '../../extension/core/btf/formatC.ts';
import { readBtf } from '../../extension/core/btf/readBtf.ts';
import { XdpError } from '../../extension/core/errors.ts';
import { csvPieces, fromCsv } from '../../extension/core/maps/csv.ts';
import { decodeEntries, encodeEntryValue, encodeKey } from '../../extension/core/maps/entries.ts';
import { eventTypes } from '../../extension/core/maps/events.ts';
import { metricsPieces } from '../../extension/core/maps/metrics.ts';
import { Arrangement } from '../../extension/core/maps/query/arrangement.ts';
import { fieldNames } from '../../extension/core/maps/query/fields.ts';
import { numericLeaves, ratesBetween } from '../../extension/core/maps/rates.ts';
import { mapSchema } from '../../extension/core/maps/schema.ts';
import { mapTypeNames, valueBytes } from '../../extension/core/maps/types.ts';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { count, randomNumbers, seed } from '../support/soak.ts';

/** Whatever the kernel, an object file or a test hands over as BTF, and whatever bytes are in the map: words, or an answer. */
const sources = ['kernelMaps', 'vmMaps', 'kernelEvents'];
const folder = mkdtempSync(path.join(tmpdir(), 'xdp-fuzz-'));
const originals: Uint8Array[] = [];
beforeAll(() => {
  for (const name of sources) {
    const output = path.join(folder, `${name}.o`);
    const source = path.join(import.meta.dirname, '../fixtures/bpf', `${name}.bpf.c`);
    const include = '-I/usr/include/x86_64-linux-gnu';
    execFileSync('clang', ['-g', '-O2', '-target', 'bpf', include, '-c', source, '-o', output]);
    const btf = parseObject(readFileSync(output)).btfBytes;
    if (btf === undefined) throw new Error(`${name} has no BTF`);
    originals.push(btf);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function mutated(original: Uint8Array, random: () => number): Uint8Array {
  const bytes = Uint8Array.from(original);
  const view = new DataView(bytes.buffer);
  const at = (step: number): number => Math.floor((random() * bytes.length) / step) * step;
  for (let change = 1 + Math.floor(random() * 8); change > 0; change--) {
    const place = at(4);
    const kind = random();
    if (kind < 0.3) bytes[at(1)] = Math.floor(random() * 256);
    else if (kind < 0.7 && place + 4 <= bytes.length) {
      // Small numbers are ids and counts that exist; large ones pass every bound.
      const numbers = [0, 1, 2, 7, 31, 64, 255, 1000, 0x7fffffff, 0x80000000, 0xffffffff];
      view.setUint32(place, numbers[Math.floor(random() * numbers.length)] ?? 0, true);
    } else if (place + 4 <= bytes.length) view.setUint32(place, Math.floor(random() * 200), true);
  }
  return random() < 0.1 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
}

/** What any part of the product does with types and bytes of others. */
function useAll(btfBytes: Uint8Array, random: () => number): void {
  const btf = readBtf(btfBytes);
  const pick = (limit: number): number => Math.floor(random() * limit);
  eventTypes(btf);
  attempt(() => formatC(btf));
  for (let round = 0; round < 4; round++) {
    const type = mapTypeNames[pick(mapTypeNames.length)] ?? 'hash';
    const [keyTypeId, valueTypeId] = [pick(btf.types.length + 2), pick(btf.types.length + 2)];
    const sizeOf = (id: number): number => {
      const size = (btf.types[id] as { size?: number } | undefined)?.size ?? 8;
      return random() < 0.8 && size <= 4096 ? size : pick(64);
    };
    const map = { name: 'm', type, keySize: sizeOf(keyTypeId), valueSize: sizeOf(valueTypeId), maxEntries: pick(1000) };
    const cpus = Array.from({ length: 1 + pick(3) }, (_, cpu) => cpu);
    const schema = mapSchema(map, btf, keyTypeId, valueTypeId, cpus);
    const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => pick(256));
    const page = {
      count: 2,
      keys: bytes(2 * map.keySize),
      values: bytes(2 * valueBytes(type, map.valueSize, cpus.length)),
    };
    const entries = decodeEntries(schema, page);
    JSON.stringify(entries);
    for (const entry of entries) {
      encodeKey(schema, entry.key);
      encodeEntryValue(schema, entry.values ?? entry.value ?? null);
    }
    ratesBetween(schema, numericLeaves(schema.value), page, page, 10);
    fromCsv(schema, [...csvPieces(schema, () => [entries.slice(0, 1)])].join(''));
    for (const format of ['openmetrics', 'prometheus'] as const)
      [...metricsPieces(schema, () => [entries], { format })].join('');
    const names = fieldNames(schema);
    const name = names[pick(names.length)] ?? 'key';
    for (const text of [name, `sum(${name})`, `rate(${name})`]) {
      attempt(() => {
        const arrangement = new Arrangement(
          schema,
          { filter: `${text} >= ${pick(300)}`, sort: { by: text, descending: true } },
          0n,
        );
        arrangement.take(page);
        arrangement.finish();
      });
    }
  }
}

/** An XdpError is an answer; anything else is a bug. */
function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
  }
}

test('damaged BTF and any data: never a crash, never a hang', { timeout: count(120_000, 10 * 3_600_000) }, () => {
  const runs = count(300, 300_000);
  let read = 0;
  for (let run = 0; run < runs; run++) {
    const random = randomNumbers(seed + run);
    const original = originals[run % originals.length] ?? new Uint8Array(0);
    const bytes = mutated(original, random);
    try {
      attempt(() => {
        useAll(bytes, random);
        read++;
      });
    } catch (error) {
      throw new Error(`Seed ${seed + run} on ${sources[run % sources.length]}`, { cause: error });
    }
  }
  // Most changes are refused at once or at the first value that does not fit; a good part goes all the way.
  expect(read).toBeGreaterThan(runs / 50);
});
