import { builtPacketJson } from '../../core/packet/json.ts';
import { packetArgument } from '../../session/run/packetArgument.ts';
import { parse, type Verb } from '../command.ts';
import { printable } from '../output.ts';

export const packet: Verb = {
  summary: 'build or dissect a packet',
  usage: 'packet P        P is hex, @file.bin, file.pcap#N, or Ether()/IP(…)/…',
  async run(args, { output }) {
    const { positionals } = parse(this.usage, args, {}, { min: 1, max: 1 });
    const document = builtPacketJson(await packetArgument(positionals[0] ?? ''));
    output.result(document, () =>
      [
        ...document.layers.flatMap((layer) => [
          `${layer.name} at byte ${layer.offset}`,
          ...Object.entries(layer.fields).map(([name, value]) => `  ${name.padEnd(10)} ${printable(display(value))}`),
        ]),
        ...document.warnings.map((warning) => `warning: ${warning}`),
        document.bytes,
      ].join('\n'),
    );
    return 0;
  },
};

function display(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
