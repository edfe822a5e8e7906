import { XdpError } from '../../core/errors.ts';
import { parseMapSetups } from '../../core/packetTest/parseTestFile.ts';
import type { MapSetup } from '../../core/packetTest/model.ts';
import { describeProblem } from '../../core/packetTest/problems.ts';
import { parseHex } from '../../core/packet/hex.ts';
import type { RunContext } from './input.ts';

const exampleContext = 'For example: {"ingress_ifindex": "eth0", "rx_queue_index": 0, "metadata": "01020304"}';

/**
 * `--ctx` of the CLI contract: `{"ingress_ifindex":1,"rx_queue_index":0,"metadata":"01020304","cpu":0,"linear":64}`, the names of
 * `struct xdp_md` and what only a test run has. An interface may be named. Throws `context-invalid`.
 */
export async function parseContext(
  text: string,
  interfaceIndex: (name: string) => Promise<number>,
): Promise<RunContext> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new XdpError('context-invalid', `The context is not JSON: ${text}`, { fix: exampleContext, cause });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new XdpError('context-invalid', 'The context is not a JSON object.', { fix: exampleContext });
  }
  const context: RunContext = {};
  for (const [name, value] of Object.entries(json)) {
    switch (name) {
      case 'ingress_ifindex':
        context.ingressIfindex = typeof value === 'string' ? await interfaceIndex(value) : unsigned(name, value);
        break;
      case 'rx_queue_index':
        context.rxQueueIndex = unsigned(name, value);
        break;
      case 'cpu':
        context.cpu = unsigned(name, value);
        break;
      case 'linear':
        context.linearBytes = unsigned(name, value);
        break;
      case 'metadata':
        context.metadata = metadataBytes(value);
        break;
      case 'egress_ifindex':
        throw new XdpError('context-invalid', 'egress_ifindex cannot be given: the kernel refuses it in a test run.', {
          fix: 'It is set only for devmap programs in live traffic.',
        });
      default:
        throw new XdpError('context-invalid', `The context cannot hold ${name}: ${JSON.stringify(value)}.`, {
          fix: exampleContext,
        });
    }
  }
  return context;
}

function metadataBytes(value: unknown): Uint8Array {
  try {
    if (typeof value === 'string') return parseHex(value);
  } catch (cause) {
    throw new XdpError('context-invalid', `metadata is not hex: ${String(value)}`, { fix: exampleContext, cause });
  }
  throw new XdpError('context-invalid', `metadata is not hex: ${JSON.stringify(value)}`, { fix: exampleContext });
}

function unsigned(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return value;
  throw new XdpError('context-invalid', `${name} cannot be ${JSON.stringify(value)}.`, {
    fix: 'It is an unsigned 32-bit number.',
  });
}

/** `--maps`: what a packet test has under `maps`. Throws `value-invalid`. */
export function parseSetups(text: string): MapSetup[] {
  const { setups, problems } = parseMapSetups(text);
  const [first] = problems;
  if (first === undefined) return setups;
  throw new XdpError('value-invalid', `The content of the maps cannot be read: ${describeProblem(first)}`, {
    fix: 'Write it as in a packet test: {"blocklist": [{"key": 1, "value": 1}]}',
  });
}
