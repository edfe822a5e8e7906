import { decodeAt, type Memory } from '../../../extension/core/maps/decode.ts';
import { isPaddingName } from '../../../extension/core/maps/fieldNames.ts';
import { readBits, readInt } from '../../../extension/core/maps/integers.ts';
import type { Layout } from '../../../extension/core/maps/layout.ts';
import type { Value } from '../../../extension/core/maps/value.ts';

/** One column's worth of a key or value: a scalar somewhere inside it, or what is not taken apart further. */
export interface Leaf {
  /** `rx_packets`, `stats.bytes`, `hist[3]`; empty when the whole is one scalar. */
  path: string;
  layout: Layout;
  /** Bytes from the start of the key or value. */
  offset: number;
  /** Where what belongs to this leaf ends. */
  end: number;
  /** Integers: what can be summed over CPUs and has a rate. */
  numeric: boolean;
}

/** Longer arrays stand in one cell. */
const maxElements = 16;
/** A view of more columns than this helps nobody. */
const maxLeaves = 256;

/** `size`: bytes of the whole as the map stores it, which a flexible end reaches to. Without a layout: its hex. */
export function leavesOf(layout: Layout | undefined, size: number): Leaf[] {
  const leaves: Leaf[] = [];
  if (layout !== undefined) collect(leaves, layout, '', 0, size);
  // A key or value of nothing but padding is shown whole rather than not at all.
  if (leaves.length > 0) return leaves;
  return [{ path: '', layout: { kind: 'bytes', size }, offset: 0, end: size, numeric: false }];
}

function collect(leaves: Leaf[], layout: Layout, path: string, offset: number, end: number): void {
  if (leaves.length >= maxLeaves) return;
  if (layout.kind === 'struct' || layout.kind === 'union') {
    const last = layout.fields.length - 1;
    layout.fields.forEach((field, index) => {
      if (isPaddingName(field.name)) return;
      const start = offset + field.offset;
      const stop = index === last && layout.kind === 'struct' ? end : start + field.layout.size;
      collect(leaves, field.layout, path === '' ? field.name : `${path}.${field.name}`, start, stop);
    });
    return;
  }
  if (layout.kind === 'array' && !layout.flexible && layout.count <= maxElements) {
    for (let index = 0; index < layout.count; index++) {
      const start = offset + index * layout.element.size;
      collect(leaves, layout.element, `${path}[${index}]`, start, start + layout.element.size);
    }
    return;
  }
  const numeric = layout.kind === 'int' || (layout.kind === 'bits' && layout.base === 'int');
  leaves.push({ path, layout, offset, end, numeric });
}

/** `base`: where the key or value starts in `memory`. 0 for what is not numeric. */
export function numberAt(leaf: Leaf, memory: Memory, base: number): bigint {
  if (leaf.layout.kind === 'int') return BigInt(readInt(memory.view, base + leaf.offset, leaf.layout));
  if (leaf.layout.kind === 'bits') return readBits(memory.view, base + leaf.offset, leaf.layout);
  return 0n;
}

/** As shown: hex in groups of four bytes. */
export function textAt(leaf: Leaf, memory: Memory, base: number): string {
  const text = rawTextAt(leaf, memory, base);
  return leaf.layout.kind === 'bytes' ? text.replace(/[0-9a-f]{8}(?=.)/g, '$& ') : text;
}

export function rawTextAt(leaf: Leaf, memory: Memory, base: number): string {
  return valueText(decodeAt(leaf.layout, memory, base + leaf.offset, base + leaf.end));
}

/** A decoded value in one line. */
export function valueText(value: Value | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([name, item]) => `${name}=${valueText(item)}`)
      .join(' ');
  }
  return String(value);
}
