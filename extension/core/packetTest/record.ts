import type { MapEntry } from '../maps/entries.ts';
import { setField } from '../maps/decode.ts';
import { toHex } from '../maps/text.ts';
import type { Value } from '../maps/value.ts';
import { xdpActions } from '../xdp.ts';
import { testText } from './edit.ts';
import type { MapSetup } from './model.ts';
import { equalBytes } from './packetDiff.ts';

/** A test as JSON. */
export type TestJson = { name: string; [field: string]: Value };

/** A run, as far as a test can expect it again. */
export interface RecordedRun {
  name: string;
  program: string;
  /** As the user wrote it: a Scapy expression; absent: the bytes. */
  packetText: string | undefined;
  packetIn: Uint8Array;
  retval: number;
  packetOut: Uint8Array;
  metadataOut: Uint8Array;
  /** In the names of the file format. */
  context: { [field: string]: Value };
  setups: readonly MapSetup[];
  /** The entries that changed, after the run; `gone`: the key is not there any more. */
  maps: readonly { name: string; entries: readonly (MapEntry & { gone?: boolean })[] }[];
  printk: readonly string[];
  events: readonly { map: string; records: readonly Uint8Array[] }[];
}

/** The test that this run passes: the same packet, and what it did as expectations. */
export function testOfRun(run: RecordedRun): TestJson {
  const { packetIn, packetOut, retval } = run;
  const expect: { [field: string]: Value } = {
    action: xdpActions[retval] ?? retval,
    packet: equalBytes(packetIn, packetOut) ? 'unchanged' : { hex: toHex(packetOut) },
  };
  if (run.metadataOut.length > 0) expect['metadata'] = toHex(run.metadataOut);
  const maps = mapExpectations(run);
  if (Object.keys(maps).length > 0) expect['maps'] = maps;
  if (run.printk.length > 0) expect['printk'] = [...run.printk];
  if (run.events.length > 0) {
    const events: { [field: string]: Value } = {};
    for (const { map, records } of run.events) setField(events, map, records.map(toHex));
    expect['events'] = events;
  }
  return {
    name: run.name,
    packet: run.packetText ?? { hex: toHex(packetIn) },
    ...(Object.keys(run.context).length === 0 ? {} : { context: run.context }),
    ...(run.setups.length === 0 ? {} : { maps: setupsJson(run.setups) }),
    expect,
  };
}

/** Sums where every CPU counts by itself: the next run may be on another one. */
function mapExpectations({ maps }: RecordedRun): { [field: string]: Value } {
  const expected: { [field: string]: Value } = {};
  for (const { name, entries } of maps) {
    const list = entries.flatMap(({ key, value, sum, gone }): Value[] => {
      if (gone === true) return [{ key, absent: true }];
      if (sum !== undefined) return [{ key, sum }];
      return value === undefined ? [] : [{ key, value }];
    });
    if (list.length > 0) setField(expected, name, list);
  }
  return expected;
}

/** `maps` of a test. */
export function setupsJson(setups: readonly MapSetup[]): Value {
  const maps: { [field: string]: Value } = {};
  for (const { name, entries } of setups)
    setField(
      maps,
      name,
      entries.map(({ key, value }) => ({ key, value })),
    );
  return maps;
}

/** A new test file. `source`: relative to it. */
export function newTestFile(source: string, program: string, tests: readonly TestJson[]): string {
  const head = `  "source": ${JSON.stringify(source)},\n  "program": ${JSON.stringify(program)},\n`;
  const texts = tests.map((test) => `    ${testText(test).replaceAll('\n', '\n    ')}`);
  return `{\n${head}  "tests": [\n${texts.join(',\n')}\n  ]\n}\n`;
}
