import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { XdpError } from '../../core/errors.ts';
import { writeError } from '../../session/userFiles.ts';
import { buildPacket } from '../../core/packet/build.ts';
import { exactLayers } from '../../core/packet/exact.ts';
import { toCArray, toHex, toHexDump } from '../../core/packet/hex.ts';
import { builtPacketJson, type PacketJson } from '../../core/packet/json.ts';
import type { Layer } from '../../core/packet/model.ts';
import { mutate } from '../../core/packet/mutate.ts';
import { writePcapng } from '../../core/packet/pcapWrite.ts';
import { formatScapy } from '../../core/packet/scapy.ts';
import { parseSweep, sweep } from '../../core/packet/sweep.ts';
import { t, translated } from '../../core/text/language.ts';
import { packetArgument } from '../../session/run/packetArgument.ts';
import { oneOf, parse, type Verb } from '../command.ts';
import { printable } from '../output.ts';

const forms = ['hex', 'dump', 'c', 'scapy'] as const;

export const packet: Verb = {
  summary: 'build or dissect a packet, or make many of one',
  usage: [
    'packet P [--as hex|dump|c|scapy] [--sweep LAYER.FIELD=A..B[/STEP]] [--mutate NAME[:N]] [-o FILE.pcapng]',
    '       P is hex, @file.bin, file.pcap#N, or Ether()/IP(…)/…',
  ].join('\n'),
  async run(args, { output }) {
    const { positionals, values } = parse(
      this.usage,
      args,
      {
        as: { type: 'string' },
        sweep: { type: 'string' },
        mutate: { type: 'string' },
        output: { type: 'string', short: 'o' },
      },
      { min: 1, max: 1 },
    );
    const form = values.as === undefined ? undefined : oneOf('--as', values.as, forms);
    const given = await packetArgument(positionals[0] ?? '');
    const made = packetsOf(given, values.sweep, values.mutate);
    if (values.output !== undefined) await writeCapture(values.output, made ?? [given.bytes]);
    const file = values.output === undefined ? {} : { file: path.resolve(values.output) };
    if (made === undefined) {
      const document = { ...builtPacketJson(given), ...file };
      output.result(document, () => (form === undefined ? describe(document) : formatted(given.bytes, form)));
      return 0;
    }
    const packets = made.map((bytes) => ({ bytes: toHex(bytes), expression: formatScapy(exactLayers(bytes)) }));
    output.result({ packets, ...file }, () => made.map((bytes) => formatted(bytes, form ?? 'scapy')).join('\n'));
    return 0;
  },
};

/** What a sweep and a mutation make of the packet: the mutation is done to each of the sweep's. */
function packetsOf(
  given: { bytes: Uint8Array; layers: readonly { name: string }[] },
  swept: string | undefined,
  mutated: string | undefined,
): Uint8Array[] | undefined {
  if (swept === undefined && mutated === undefined) return undefined;
  const layers = exactLayers(given.bytes);
  const all: (readonly Layer[])[] = swept === undefined ? [layers] : sweep(layers, parseSweep(swept, layers));
  const [name = '', at] = mutated?.split(':') ?? [];
  if (at !== undefined && !/^\d+$/.test(at)) {
    throw new XdpError('usage', `--mutate cannot be ${mutated}.`, {
      fix: 'A place is a number: --mutate truncate:20.',
    });
  }
  const results = mutated === undefined ? all : all.flatMap((each) => mutate(name, each, Number(at ?? 0)));
  return results.map((each) => buildPacket(each).bytes);
}

async function writeCapture(file: string, packets: readonly Uint8Array[]): Promise<void> {
  try {
    await writeFile(file, writePcapng(packets.map((data) => ({ data }))));
  } catch (cause) {
    throw writeError(file, cause);
  }
}

function formatted(bytes: Uint8Array, form: (typeof forms)[number]): string {
  switch (form) {
    case 'hex':
      return toHex(bytes);
    case 'dump':
      return toHexDump(bytes);
    case 'c':
      return toCArray(bytes);
    case 'scapy':
      return formatScapy(exactLayers(bytes));
  }
}

function describe(document: PacketJson): string {
  return [
    ...document.layers.flatMap((layer) => [
      t('{0} at byte {1}', layer.name, layer.offset),
      ...Object.entries(layer.fields).map(([name, value]) => `  ${name.padEnd(10)} ${printable(display(value))}`),
    ]),
    ...document.warnings.map((warning) => `${t('warning')}: ${translated(warning)}`),
    document.bytes,
  ].join('\n');
}

function display(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
