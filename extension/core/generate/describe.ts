import { compiledHeaders, nextHeader } from '../packet/compile.ts';
import { dissect } from '../packet/dissect.ts';
import type { BuiltLayer } from '../packet/model.ts';
import { actionName } from '../xdp.ts';
import type { Found } from './search.ts';

/** `IPv4 UDP, blocklist hit → XDP_DROP`: what the packet is, what the maps said, what became of it. */
export function describeFound({ input, trace }: Found): string {
  const parts = [describePacket(input.packet), ...lookups({ input, trace })];
  if (input.metadata.length > 0) parts.push(`${input.metadata.length} bytes of metadata`);
  if (input.linearBytes !== undefined) parts.push('in pieces');
  return `${parts.join(', ')} → ${actionName(trace.run.retval)}`;
}

/** Names of the headers behind Ethernet, and of one that should follow and does not. */
function describePacket(packet: Uint8Array): string {
  const { layers } = dissect(packet);
  const named = layers.filter(({ name }) => compiledHeaders().get(name)?.spec.role !== 'payload');
  const words = named.slice(1).map(({ name }) => labelOf(name));
  const cut = missingHeader(packet, named.at(-1));
  if (cut !== undefined) words.push(`${cut} cut short`);
  if (words.length > 0) return words.slice(0, 6).join(' ');
  const type = layers[0]?.fields.find(({ name }) => name === 'type')?.value;
  return typeof type === 'number' ? `ethertype 0x${type.toString(16).padStart(4, '0')}` : 'Ethernet';
}

function labelOf(name: string): string {
  return compiledHeaders().get(name)?.spec.label ?? name;
}

/** The header that the last one says to follow, when the packet ends before it does. */
function missingHeader(packet: Uint8Array, last: BuiltLayer | undefined): string | undefined {
  const header = compiledHeaders().get(last?.name ?? '');
  if (last === undefined || header === undefined) return undefined;
  const numbers = header.fields.map(({ name }) => {
    const value = last.fields.find((field) => field.name === name)?.value;
    return typeof value === 'number' ? value : 0;
  });
  const end = last.offset + last.length;
  // Where there is nothing, no header is looked for: so as if there were something.
  const longer = new Uint8Array(end + 64);
  longer.set(packet.subarray(0, longer.length));
  const next = nextHeader(header, numbers, longer, end, longer.length);
  return next === undefined || next.spec.role === 'payload' ? undefined : next.spec.label;
}

/** What maps with keys said; every index of an array is there. */
function lookups({ trace }: Found): string[] {
  const said = new Map<string, boolean>();
  for (const { lookup } of trace.calls) {
    if (lookup === undefined || /^(percpu_)?array$/.test(lookup.type)) continue;
    said.set(lookup.place.within?.map ?? lookup.place.map, lookup.hit);
  }
  return [...said].slice(0, 3).map(([map, hit]) => `${map} ${hit ? 'hit' : 'miss'}`);
}

/** Names that tests can have beside each other. */
export function distinctNames(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return names.map((name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}
