/** From layers to bytes. */
import { computedChecksum } from './automatic.ts';
import { packetInvalid } from './fail.ts';
import { type CompiledHeader, headerNamed } from './compile.ts';
import { type Laid, placeOf } from './laid.ts';
import type { BuiltPacket, Layer } from './model.ts';
import { fillIn, PacketWriter, setComputed, writeHeader } from './write.ts';

/** Kept between calls: building is synchronous, and the result is copied out. */
let sharedWriter: PacketWriter | undefined;

export interface BuiltStack {
  bytes: Uint8Array;
  stack: Laid[];
  /** Where the packet ends without padding. */
  end: number;
  warnings: string[];
}

/** As buildPacket, with the tables of the fields still at hand. */
export function buildStack(layers: readonly Layer[]): BuiltStack {
  const writer = sharedWriter ?? new PacketWriter();
  // An error half way, or a re-entrant call, must not meet a half-written buffer.
  sharedWriter = undefined;
  writer.length = 0;
  const warnings: string[] = [];
  const stack = layOut(writer, layers, warnings);
  let content = stack.length;
  while (content > 0 && stack[content - 1]?.header.spec.name === 'Padding') content--;
  const end = stack[content]?.layer.offset ?? writer.length;
  for (const laid of stack) fillIn(writer.bytes, laid, end);
  for (let i = stack.length - 1; i >= 0; i--) fillChecksums(writer.bytes, stack, i, end);
  for (let i = 0; i < stack.length; i++) judge(stack[i], stack[i + 1]?.header, warnings);
  const bytes = writer.bytes.slice(0, writer.length);
  sharedWriter = writer;
  return { bytes, stack, end, warnings };
}

/**
 * Lengths, checksums and the types of next layers are computed unless given. What is given is written as it is, and
 * marked `wrong` where the packet calls for another value. Throws XdpError('packet-invalid') naming layer and field.
 */
export function buildPacket(layers: readonly Layer[]): BuiltPacket {
  const { bytes, stack, warnings } = buildStack(layers);
  return { bytes, layers: stack.map((laid) => laid.layer), warnings };
}

function layOut(writer: PacketWriter, layers: readonly Layer[], warnings: string[]): Laid[] {
  const stack: Laid[] = [];
  let below: CompiledHeader | undefined;
  for (let index = 0; index < layers.length; index++) {
    const layer = layers[index];
    if (layer === undefined) continue;
    const header = headerNamed(layer.name, index);
    if (header.spec.role === 'option') {
      throw packetInvalid(
        `${layer.name} is an option, not a layer.`,
        { layer: layer.name, layerIndex: index },
        `Write it into the options of the header: options=[${layer.name}()].`,
      );
    }
    if (below?.spec.name === 'Padding' && header.spec.name !== 'Padding') {
      throw packetInvalid(
        `${layer.name} stands after Padding.`,
        { layer: layer.name, layerIndex: index },
        'Padding comes last: the lengths of the packet do not count it. Use Raw for payload.',
      );
    }
    if (below !== undefined && header.spec.role !== 'payload' && !below.sets.has(layer.name)) {
      const carries = below.otherwise?.spec.name === layer.name;
      if (!carries) {
        warnings.push(
          `${below.spec.name} does not say that ${layer.name} follows: a receiver will not recognise it by itself.`,
        );
      }
    }
    stack.push(writeHeader(writer, header, layer, layers[index + 1]?.name, index, warnings, below?.spec.name));
    below = header;
  }
  return stack;
}

function fillChecksums(bytes: Uint8Array, stack: readonly Laid[], index: number, end: number): void {
  const laid = stack[index];
  if (laid === undefined) return;
  const { checksums, fields } = laid.header;
  for (let i = 0; i < checksums.length; i++) {
    const position = checksums[i] ?? 0;
    const spec = fields[position];
    const field = laid.layer.fields[placeOf(laid, position)];
    if (field === undefined || spec === undefined) continue;
    const value = computedChecksum(bytes, stack, index, spec, field, end, 'asGiven');
    setComputed(bytes, laid, field, spec.max, value, false);
  }
}

/** Marks types that contradict the next layer, and says what was made wrong on purpose. */
function judge(laid: Laid | undefined, upper: CompiledHeader | undefined, warnings: string[]): void {
  if (laid === undefined) return;
  const sets = upper === undefined ? undefined : laid.header.sets.get(upper.spec.name);
  const { specs } = laid;
  for (let position = 0; position < specs.length; position++) {
    const spec = specs[position];
    const field = laid.layer.fields[position];
    if (spec === undefined || field === undefined || field.auto) continue;
    if (spec.spec.auto?.kind === 'next') {
      const set = sets?.[spec.index];
      if (typeof set === 'number' && set !== field.value) field.wrong = set;
    }
    if (field.wrong !== undefined) {
      const hex = spec.spec.base === 16;
      warnings.push(
        `${laid.layer.name}.${field.name} is ${show(field.value, hex)} as given; this packet calls for ${show(field.wrong, hex)}.`,
      );
    }
  }
}

function show(value: unknown, hex: boolean): string {
  return typeof value === 'number' && hex ? `0x${value.toString(16).padStart(4, '0')}` : String(value);
}
