import type { BuiltField, BuiltLayer } from '../packet/model.ts';
import { dissect } from '../packet/dissect.ts';
import { english } from '../text/language.ts';
import type { Machine } from '../vm/machine.ts';
import { tag } from '../vm/memory/regions.ts';
import { halves } from './inspector.ts';
import type { ProgramImage } from './image.ts';

/** What people call a layer; Scapy's names are used for the others. */
const layerNames: Readonly<Record<string, string>> = {
  Ether: 'ethernet',
  Dot1Q: 'vlan',
  Dot1AD: 'vlan',
  IP: 'ipv4',
  IPv6: 'ipv6',
  TCP: 'tcp',
  UDP: 'udp',
  ICMP: 'icmp',
  ARP: 'arp',
};

export function layerTitle(name: string): string {
  if (name === 'Raw') return english('payload');
  if (name === 'Padding') return english('padding');
  return english(`${layerNames[name] ?? name} header`);
}

/** In words: `ipv4 header at byte 14`, `value of counters`, `null`. */
export function describePointer(pointer: bigint, machine: Machine, image: ProgramImage): string {
  if (pointer === 0n) return 'null';
  const { high, low } = halves(pointer);
  const { memory, maps } = machine;
  const hex = `0x${pointer.toString(16)}`;
  if (high === tag.map) {
    const map = maps[low]?.definition;
    return map === undefined ? hex : `map ${map.name} (${map.type})`;
  }
  if (high === tag.code) {
    const program = machine.programOfCode(machine.cpu.code);
    const fn = program === undefined ? undefined : image.functionAt(program, low);
    return fn === undefined ? hex : `function ${fn.name}`;
  }
  if (high === tag.context) return low === 0 ? 'context' : `context at byte ${low}`;
  const region = high === 0 ? memory.regionAt(low) : high;
  const info = memory.info(region);
  if (region === tag.none || info === undefined) return hex;
  if (region === tag.packet) return describePacketPlace(low, machine);
  const offset = low - memory.starts[region]!;
  if (info.kind === 'stack') return `stack of ${info.name}, r10${low - memory.ends[region]!}`;
  const what =
    info.name === ''
      ? info.kind
      : info.kind === 'map value'
        ? english(`value of ${info.name}`)
        : `${info.kind} of ${info.name}`;
  return offset === 0 ? what : `${what} at byte ${offset}`;
}

function describePacketPlace(low: number, machine: Machine): string {
  const { frame } = machine.world;
  const at = low - frame.data;
  const end = frame.dataEnd - frame.data;
  if (at < 0)
    return low >= frame.dataMeta ? `metadata at byte ${low - frame.dataMeta}` : `${-at} bytes before the packet`;
  if (at === end) return `end of the packet, byte ${at}`;
  if (at > end) return `${at - end} bytes beyond the end of the packet`;
  const { layers } = dissect(frame.packet());
  const layer = layerAt(layers, at);
  if (layer === undefined) return `byte ${at} of the packet`;
  if (layer.offset === at) return `${layerTitle(layer.name)} at byte ${at}`;
  const field = fieldAt(layer, at);
  return field === undefined
    ? `byte ${at}, in the ${layerTitle(layer.name)}`
    : `${field.name} of the ${layerTitle(layer.name)}, byte ${at}`;
}

export function layerAt(layers: readonly BuiltLayer[], byte: number): BuiltLayer | undefined {
  return layers.find(({ offset, length }) => byte >= offset && byte < offset + length);
}

export function fieldAt(layer: BuiltLayer, byte: number): BuiltField | undefined {
  return layer.fields.find(
    ({ bitOffset, bitLength }) => bitLength > 0 && byte * 8 >= bitOffset && byte * 8 < bitOffset + bitLength,
  );
}
