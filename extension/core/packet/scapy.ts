/** Packets as Scapy expressions: `Ether()/IP(src="10.0.0.1")/TCP(dport=80, flags="S")/Raw(b"hi")`. */
import { XdpError } from '../errors.ts';
import { hexPair } from './address.ts';
import { equalBytes } from './bits.ts';
import { buildPacket } from './build.ts';
import { type CompiledField, type CompiledHeader, compiledHeaders } from './compile.ts';
import { dhcpOptionNamed } from './dhcpOptions.ts';
import { dissect, layersOf } from './dissect.ts';
import { isEncodedName } from './dnsText.ts';
import { packetInvalid, suggest } from './fail.ts';
import type { FieldSpec } from './headers/spec.ts';
import type { FieldValue, Layer, NamedOption, OptionValue } from './model.ts';
import { type MinimalOptions, minimalLayers } from './minimal.ts';
import { readOptions } from './read.ts';
import { literalBytes, type Node, Reader } from './scapyReader.ts';
import { utf8 } from './text.ts';
import { flagsToText, isLayer, isNamedOption } from './value.ts';

/** Errors are XdpError('packet-invalid') with `details.position`, 0-based in `text`. */
export function parseScapy(text: string): Layer[] {
  const reader = new Reader(text);
  const layers: Layer[] = [];
  if (text.trim() === '') throw reader.error('The expression is empty.', 0, example);
  const parser: Parser = { error: reader.error.bind(reader), places: new Map() };
  collect(parser, reader.readAll(), layers);
  checkBuild(parser.places, layers);
  return layers;
}

/** Where a layer and the values of its fields stand in the text. */
type Places = Map<Layer, { position: number; fields: Map<string, number> }>;

interface Parser {
  error: Reader['error'];
  places: Places;
}

const example = 'Like this: Ether()/IP(src="10.0.0.1")/UDP(dport=53)/Raw(b"hi")';
const sweep = 'One expression is one packet. To make many, sweep the field in the packet builder.';

function collect(reader: Parser, node: Node, layers: Layer[]): void {
  const bytes = literalBytes(node);
  if (bytes !== undefined) {
    layers.push({ name: 'Raw', fields: { load: bytes } });
    return;
  }
  if (node.kind === 'stack') {
    for (const part of node.parts) collect(reader, part, layers);
    return;
  }
  if (node.kind === 'call') {
    layers.push(...layersOfCall(reader, node, false));
    return;
  }
  if (node.kind === 'name' && compiledHeaders().has(node.name)) {
    throw reader.error(`${node.name} needs parentheses: ${node.name}().`, node.position);
  }
  if (node.kind === 'list' || node.kind === 'tuple')
    throw reader.error('A list of packets stands here.', node.position, sweep);
  throw reader.error('A layer is expected here.', node.position, example);
}

type Call = Extract<Node, { kind: 'call' }>;

function layersOfCall(reader: Parser, call: Call, asOption: boolean): Layer[] {
  const header = compiledHeaders().get(call.name);
  if (header === undefined) {
    const names = [...compiledHeaders().values()]
      .filter((known) => (known.spec.role === 'option') === asOption)
      .map((known) => known.spec.name);
    throw reader.error(`There is no layer "${call.name}".`, call.position, suggest(call.name, names));
  }
  const fields: Layer['fields'] = {};
  const place = { position: call.position, fields: new Map<string, number>() };
  for (const { name, position, value } of call.named) {
    const index = header.positions.get(name);
    const field = index === undefined ? undefined : header.fields[index];
    if (field === undefined) {
      throw reader.error(`${call.name} has no field "${name}".`, position, suggest(name, [...header.positions.keys()]));
    }
    fields[name] = fieldValue(reader, specFor(header, field, call), value);
    place.fields.set(name, value.position);
  }
  const first = call.positional[0];
  if (first === undefined) {
    const layer = { name: call.name, fields };
    reader.places.set(layer, place);
    return [layer];
  }
  const bytes = literalBytes(first);
  if (call.positional.length > 1 || bytes === undefined) {
    throw reader.error(`Fields of ${call.name} are given by name: ${call.name}(field=value).`, first.position);
  }
  const [layer, ...others] = fromBytes(header, bytes, fields);
  if (layer === undefined) return [];
  reader.places.set(layer, place);
  return [layer, ...others];
}

/** Of several fields of one name, the one that the other arguments call for (the data of a DNS record, by its type). */
function specFor(header: CompiledHeader, first: CompiledField, call: Call): FieldSpec {
  const sameName = header.fields.filter(({ name }) => name === first.name);
  if (sameName.length === 1) return first.spec;
  const numbers = header.fields.map(({ spec }) => {
    const given = call.named.find(({ name }) => name === spec.name)?.value;
    if (given?.kind === 'integer') return Number(given.value);
    if (given?.kind === 'text') {
      const named = Object.entries(spec.names ?? {}).find(([, name]) => name === given.value);
      if (named !== undefined) return Number(named[0]);
    }
    return typeof spec.default === 'number' ? spec.default : 0;
  });
  return (sameName.find(({ when }) => when?.(numbers) === true) ?? first).spec;
}

/** `IP(b"…")`: the header and what follows it are dissected; fields given beside it replace what was found. */
function fromBytes(header: CompiledHeader, bytes: Uint8Array, fields: Layer['fields']): Layer[] {
  const { name, role, option } = header.spec;
  if (option !== undefined) return readOptions(bytes, option.family);
  if (role === 'payload') return [{ name, fields: { load: bytes, ...fields } }];
  const [found, ...others] = layersOf(dissect(bytes, { first: name }));
  if (found === undefined) return [{ name, fields }];
  return [{ name: found.name, fields: { ...found.fields, ...fields } }, ...others];
}

function fieldValue(reader: Parser, spec: FieldSpec, node: Node): FieldValue | undefined {
  switch (node.kind) {
    case 'none':
      // In Scapy, None is no records at all where one is the default.
      return spec.kind === 'packets' && Array.isArray(spec.default) && spec.default.length > 0 ? [] : undefined;
    case 'integer':
      return node.value >= -0x8000_0000_0000n && node.value <= 0xffff_ffff_ffffn ? Number(node.value) : node.value;
    case 'text':
      refuseSet(reader, spec, node);
      return spec.kind === 'bytes' ? utf8(node.value) : node.value;
    case 'bytes':
      if (spec.kind === 'texts' || (spec.kind === 'dnsName' && !isEncodedName(node.value))) {
        return asciiText(reader, node);
      }
      return node.value;
    case 'list':
    case 'tuple':
      return listValue(reader, spec, node);
    case 'call':
      if (spec.kind === 'packets') return layersOfCall(reader, node, true);
      if (/^(Rand|Net|Bin)/.test(node.name))
        throw reader.error(`${node.name}() stands for many values.`, node.position, sweep);
      throw reader.error(`${spec.name} cannot be a layer.`, node.position);
    case 'stack':
      if (spec.kind === 'packets') {
        return node.parts.flatMap((part) => (part.kind === 'call' ? layersOfCall(reader, part, true) : []));
      }
      throw reader.error(`${spec.name} cannot be a packet.`, node.position);
    case 'name':
      throw reader.error(
        `"${node.name}" is not a value.`,
        node.position,
        `In quotes, if it is a name: "${node.name}".`,
      );
  }
}

/** What is kept as text can be given as bytes too, as long as both are the same. */
function asciiText(reader: Parser, node: Extract<Node, { kind: 'bytes' }>): string {
  if (node.value.some((byte) => byte > 0x7f)) throw reader.error('Only ASCII bytes can be text here.', node.position);
  return Array.from(node.value, (byte) => String.fromCharCode(byte)).join('');
}

/** Scapy makes a set of packets from prefixes and wildcards. */
function refuseSet(reader: Parser, spec: FieldSpec, node: Extract<Node, { kind: 'text' }>): void {
  if ((spec.kind === 'ipv4' || spec.kind === 'ipv6' || spec.kind === 'address') && /[/*]|\d-\d/.test(node.value)) {
    throw reader.error(`${spec.name}="${node.value}" stands for many addresses.`, node.position, sweep);
  }
}

function listValue(reader: Parser, spec: FieldSpec, node: Extract<Node, { kind: 'list' | 'tuple' }>): FieldValue {
  switch (spec.kind) {
    case 'tcpOptions':
      return node.items.map((item) => tcpOption(reader, item));
    case 'packets':
      return node.items.flatMap((item) => {
        if (item.kind === 'call') return layersOfCall(reader, item, true);
        throw reader.error('An option is expected here: IPOption_NOP().', item.position);
      });
    case 'ipv4List':
    case 'ipv6List':
      return node.items.map((item) => {
        if (item.kind === 'text') return item.value;
        throw reader.error('An address in quotes is expected here.', item.position);
      });
    case 'texts':
      return node.items.map((item) => {
        if (item.kind === 'text') return item.value;
        if (item.kind === 'bytes') return asciiText(reader, item);
        throw reader.error('A text is expected here.', item.position);
      });
    case 'dhcpOptions':
      return node.items.map((item) => dhcpOption(reader, item));
    case 'uint':
    case 'enum':
    case 'flags':
    case 'mac':
    case 'ipv4':
    case 'ipv6':
    case 'address':
    case 'bytes':
    case 'dnsName':
    case 'pppProtocol':
      throw reader.error(`${spec.name} is given ${node.kind === 'list' ? 'a list' : 'a range'}.`, node.position, sweep);
  }
}

function tcpOption(reader: Parser, node: Node): NamedOption {
  const items = node.kind === 'tuple' || node.kind === 'list' ? node.items : [];
  const [name, value] = items;
  if (items.length !== 2 || value === undefined || (name?.kind !== 'text' && name?.kind !== 'integer')) {
    throw reader.error('An option is a pair: ("MSS", 1460), ("NOP", None).', node.position);
  }
  return [name.kind === 'text' ? name.value : Number(name.value), tcpOptionValue(reader, value)];
}

/** `"end"`, `("router", "10.0.0.1", "10.0.0.2")`, `(99, b"…")`, and bytes as they are. */
function dhcpOption(reader: Parser, node: Node): NamedOption {
  if (node.kind === 'text') return [node.value, null];
  if (node.kind === 'bytes') return ['raw', node.value];
  if (node.kind === 'integer') return [Number(node.value), null];
  const [name, first, ...more] = node.kind === 'tuple' || node.kind === 'list' ? node.items : [];
  if (first === undefined || (name?.kind !== 'text' && name?.kind !== 'integer')) {
    throw reader.error('An option is a pair or a name: ("message-type", "discover"), "end".', node.position);
  }
  const key = name.kind === 'text' ? name.value : Number(name.value);
  if (more.length === 0) return [key, first.kind === 'text' ? first.value : tcpOptionValue(reader, first)];
  const items = [first, ...more];
  if (items.every((item) => item.kind === 'integer')) return [key, items.map((item) => Number(item.value))];
  return [
    key,
    items.map((item) => {
      if (item.kind === 'text') return item.value;
      throw reader.error('Several values are all numbers or all texts.', item.position);
    }),
  ];
}

function tcpOptionValue(reader: Parser, node: Node): OptionValue {
  switch (node.kind) {
    case 'none':
      return null;
    case 'integer':
      return Number(node.value);
    case 'text':
    case 'bytes':
      return literalBytes(node) ?? null;
    case 'list':
    case 'tuple':
      return node.items.map((item) => {
        if (item.kind === 'integer') return Number(item.value);
        throw reader.error('A number is expected here.', item.position);
      });
    case 'call':
    case 'stack':
    case 'name':
      throw reader.error('A number, bytes or None is expected here.', node.position);
  }
}

/** Values out of range and the like show when the packet is built: then the place in the text is looked up. */
function checkBuild(places: Places, layers: readonly Layer[]): void {
  try {
    buildPacket(layers);
  } catch (error) {
    if (!(error instanceof XdpError) || error.code !== 'packet-invalid') throw error;
    const { layerIndex, layer: name, field } = error.details;
    const owner = typeof layerIndex === 'number' ? layers[layerIndex] : undefined;
    // The error may be in an option of the layer.
    const layer = owner?.name === name ? owner : [...places.keys()].find((other) => other.name === name);
    const place = (layer && places.get(layer)) ?? (owner && places.get(owner));
    const position = (typeof field === 'string' ? place?.fields.get(field) : undefined) ?? place?.position ?? 0;
    throw packetInvalid(error.message, { ...error.details, position }, error.fix);
  }
}

export interface FormatOptions extends MinimalOptions {
  /** Of strings; double by default. Single ones need no escapes where the expression stands in JSON. */
  quotes?: 'single' | 'double';
}

/** The shortest expression that builds the same bytes. */
export function formatScapy(layers: readonly Layer[], options: FormatOptions = {}): string {
  if (layers.length === 0) return 'Raw()';
  const text = minimalLayers(layers, options)
    .map((layer) => formatLayer(layer))
    .join('/');
  return options.quotes === 'single' ? singleQuoted(text) : text;
}

function singleQuoted(expression: string): string {
  return expression.replaceAll(/"((?:[^"\\]|\\.)*)"/g, (_, content: string) => {
    const requoted = content.replaceAll(/\\.|'/g, (part) => (part === "'" ? "\\'" : part === '\\"' ? '"' : part));
    return `'${requoted}'`;
  });
}

/** One value as it stands behind `field=`. */
export function formatScapyValue(layer: string, name: string, value: FieldValue): string {
  const header = compiledHeaders().get(layer);
  const field = header?.fields[header.positions.get(name) ?? -1];
  return field === undefined ? '' : formatValue(field, value);
}

function formatLayer(layer: Layer): string {
  const header = compiledHeaders().get(layer.name);
  const load = layer.fields['load'];
  if (header?.spec.role === 'payload' && (load instanceof Uint8Array || typeof load === 'string')) {
    return `${layer.name}(${formatBytes(typeof load === 'string' ? utf8(load) : load)})`;
  }
  const parts: string[] = [];
  // In the order of the header, not in that of the object.
  const seen = new Set<string>();
  for (const field of header?.fields ?? []) {
    const value = layer.fields[field.name];
    if (value === undefined || seen.has(field.name)) continue;
    seen.add(field.name);
    parts.push(`${field.name}=${formatValue(field, value)}`);
  }
  return `${layer.name}(${parts.join(', ')})`;
}

function formatValue(field: CompiledField, value: FieldValue): string {
  const { spec } = field;
  if (typeof value === 'number') return formatNumber(spec, value);
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return formatBytes(value);
  if (typeof value === 'string') return spec.kind === 'bytes' ? formatBytes(utf8(value)) : quote(value);
  if (spec.kind === 'dhcpOptions') return `[${value.map((item) => formatDhcpOption(item)).join(', ')}]`;
  if (typeof spec.size === 'object' && 'count' in spec.size) {
    return value.length === 0 ? 'None' : value.map((item) => formatItem(item)).join('/');
  }
  return `[${value.map((item) => formatItem(item)).join(', ')}]`;
}

function formatItem(item: unknown): string {
  if (isLayer(item)) return formatLayer(item);
  if (isNamedOption(item)) {
    const [name, value] = item;
    // Scapy wants None for these two and bytes for all others that have no value.
    const none = value === null && (name === 'NOP' || name === 'EOL');
    return `(${typeof name === 'string' ? quote(name) : name}, ${none ? 'None' : formatOptionValue(value)})`;
  }
  return typeof item === 'string' ? quote(item) : String(item);
}

function formatDhcpOption(item: unknown): string {
  if (!isNamedOption(item)) return formatItem(item);
  const [name, value] = item;
  if (name === 'raw') return value instanceof Uint8Array ? formatBytes(value) : 'b""';
  const known = dhcpOptionNamed(name);
  const key = typeof name === 'string' ? quote(name) : String(name);
  if (known?.kind === 'none') return key;
  if (typeof value === 'string')
    return `(${key}, ${known?.kind === 'bytes' ? formatBytes(utf8(value)) : quote(value)})`;
  if (value === null || typeof value === 'number' || value instanceof Uint8Array) {
    return `(${key}, ${value === null ? 'b""' : formatOptionValue(value)})`;
  }
  const items = value.map((part) => (typeof part === 'string' ? quote(part) : String(part))).join(', ');
  return known?.kind === 'list' ? `(${key}, [${items}])` : `(${key}, ${items})`;
}

function formatOptionValue(value: OptionValue): string {
  if (value === null) return 'b""';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return formatBytes(utf8(value));
  if (value instanceof Uint8Array) return formatBytes(value);
  return `(${value.join(', ')}${value.length === 1 ? ',' : ''})`;
}

function formatNumber(spec: FieldSpec, value: number): string {
  if (spec.flags !== undefined) {
    const names = flagsToText(spec.flags, value);
    if (names !== undefined) return quote(names);
  }
  return spec.base === 16 || spec.flags !== undefined ? `0x${value.toString(16)}` : String(value);
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** A Python bytes literal; long runs of one byte as a repetition. */
function formatBytes(bytes: Uint8Array): string {
  const first = bytes[0];
  if (first !== undefined && bytes.length > 16 && equalBytes(bytes, new Uint8Array(bytes.length).fill(first))) {
    return `b"${escapeByte(first)}"*${bytes.length}`;
  }
  let text = '';
  for (const byte of bytes) text += escapeByte(byte);
  return `b"${text}"`;
}

function escapeByte(byte: number): string {
  if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
  if (byte === 10) return '\\n';
  if (byte === 13) return '\\r';
  if (byte === 9) return '\\t';
  return byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${hexPair(byte)}`;
}
