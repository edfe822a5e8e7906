/** What the packet builder shows of a test file: its tests and their packets, as far as they can be read. */
import { toErrorData } from '../errors.ts';
import { exactLayers } from '../packet/exact.ts';
import { parseHex } from '../packet/hex.ts';
import { layersFromJson } from '../packet/json.ts';
import type { Layer } from '../packet/model.ts';
import { readPasted } from '../packet/pasted.ts';
import { type JsonNode, readJson } from './jsonDocument.ts';
import { Problems } from './problems.ts';
import { toValue } from './reading.ts';

export interface TestOutline {
  source: string | undefined;
  program: string | undefined;
  tests: OutlinedTest[];
  /** The file is no JSON, or has no list of tests: where and why. */
  problem: string | undefined;
}

export interface OutlinedTest {
  name: string;
  /** `XDP_DROP`, where the test expects one. */
  action: string | undefined;
  packets: OutlinedPacket[];
}

export type OutlinedPacket =
  | { kind: 'layers'; layers: readonly Layer[]; form: 'text' | 'hex' | 'layers' }
  /** Of a capture file; `index` counts from 1. */
  | { kind: 'pcap'; file: string; index: number }
  | { kind: 'problem'; message: string; written: string };

export function outlineTests(text: string): TestOutline {
  const { root, tests, problem } = readRoot(text);
  const named = (name: string): string | undefined => {
    const node = root && member(root, name);
    return node?.kind === 'string' ? node.value : undefined;
  };
  return {
    source: named('source'),
    program: named('program'),
    tests: (tests?.items ?? []).map((node) => outlineTest(text, node)),
    problem,
  };
}

export type ObjectNode = Extract<JsonNode, { kind: 'object' }>;
export type ArrayNode = Extract<JsonNode, { kind: 'array' }>;

export function readRoot(text: string): {
  root: ObjectNode | undefined;
  tests: ArrayNode | undefined;
  problem: string | undefined;
} {
  const problems = new Problems(text);
  const root = readJson(text, problems);
  const first = problems.list[0];
  if (root === undefined) {
    const message = first === undefined ? 'The file cannot be read.' : `Line ${first.line}: ${first.message}`;
    return { root: undefined, tests: undefined, problem: message };
  }
  const tests = root.kind === 'object' ? member(root, 'tests') : undefined;
  if (root.kind !== 'object' || tests?.kind !== 'array') {
    return { root: undefined, tests: undefined, problem: 'The file has no list "tests".' };
  }
  return { root, tests, problem: undefined };
}

/** Where a test begins, code units from the start of the text; 0 where there is none. */
export function testOffset(text: string, test: number): number {
  return readRoot(text).tests?.items[test]?.offset ?? 0;
}

export function member(node: JsonNode, name: string): JsonNode | undefined {
  return node.kind === 'object' ? node.members.find((each) => each.name === name)?.value : undefined;
}

function outlineTest(text: string, node: JsonNode): OutlinedTest {
  const name = member(node, 'name');
  const action = member(member(node, 'expect') ?? node, 'action');
  return {
    name: name?.kind === 'string' ? name.value : '',
    action: action?.kind === 'string' ? action.value : undefined,
    packets: packetNodes(node).map((packet) => outlinePacket(text, packet)),
  };
}

/** The packets of a test in order: `packet`, or those of `packets`, each alone or in an object of its own. */
export function packetNodes(test: JsonNode): JsonNode[] {
  const packet = member(test, 'packet');
  if (packet !== undefined) return [packet];
  const packets = member(test, 'packets');
  return packets?.kind === 'array' ? packets.items.map((item) => member(item, 'packet') ?? item) : [];
}

export function outlinePacket(text: string, node: JsonNode): OutlinedPacket {
  try {
    switch (node.kind) {
      case 'string':
        return { kind: 'layers', form: 'text', layers: readPasted(node.value).packets[0] ?? [] };
      case 'array':
        return { kind: 'layers', form: 'layers', layers: layersFromJson(toValue(node)) };
      case 'object': {
        const hex = member(node, 'hex');
        if (hex?.kind === 'string') return { kind: 'layers', form: 'hex', layers: exactLayers(parseHex(hex.value)) };
        const file = member(node, 'pcap');
        const index = member(node, 'index');
        if (file?.kind === 'string' && index?.kind === 'number') {
          return { kind: 'pcap', file: file.value, index: Number(index.text) };
        }
        break;
      }
      case 'number':
      case 'boolean':
      case 'null':
    }
    return { kind: 'problem', message: 'This is no packet.', written: writtenAt(text, node) };
  } catch (error) {
    return { kind: 'problem', message: toErrorData(error).message, written: writtenAt(text, node) };
  }
}

function writtenAt(text: string, { offset, length }: JsonNode): string {
  return text.slice(offset, offset + Math.min(length, 400));
}
