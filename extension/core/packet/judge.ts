/** What of a packet that was read is automatic, and what contradicts the rest of it. */
import { computedChecksum, computedNumber } from './automatic.ts';
import type { CompiledField, CompiledHeader } from './compile.ts';
import { type Laid, placeOf } from './laid.ts';
import { sizeByField } from './headers/spec.ts';
import type { BuiltField, FieldValue } from './model.ts';
import { describe, equalValue } from './value.ts';

/**
 * Sets `auto` where leaving the field out would give the same value again, checksums excepted. `content`: where the
 * packet ends without padding.
 */
export function markAutomatic(bytes: Uint8Array, laid: Laid, upper: CompiledHeader | undefined, content: number): void {
  const sets = upper === undefined ? undefined : laid.header.sets.get(upper.spec.name);
  const { specs, layer } = laid;
  for (let i = 0; i < specs.length; i++) {
    const spec = specs[i];
    const field = layer.fields[i];
    if (spec === undefined || field === undefined) continue;
    const { rule } = spec;
    if (spec.computed && rule !== undefined) {
      if (rule.kind !== 'checksum') field.auto = field.value === computedNumber(laid, rule, content);
      continue;
    }
    const set = sets?.[spec.index];
    // By bytes where that is possible: comparing new strings is slow.
    if (spec.defaultBytes !== undefined && set === undefined)
      field.auto = standsAt(bytes, field.bitOffset >>> 3, spec.defaultBytes);
    else if (spec.spec.kind === 'address') field.auto = isDefaultAddress(laid, spec, field);
    else field.auto = equalValue(field.value, set ?? spec.spec.default);
  }
}

function standsAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

/** An address of variable length defaults to zeros of the length that its leader has; the leader itself to its default. */
function isDefaultAddress(laid: Laid, spec: CompiledField, field: BuiltField): boolean {
  const size = sizeByField(spec.spec);
  const leader =
    size === undefined ? undefined : laid.header.fields[laid.header.positions.get(size.field) ?? -1]?.spec.auto;
  if (leader?.kind === 'fieldLength' && leader.field === spec.name) return field.value === spec.spec.default;
  return isZeroAddress(field.value);
}

function isZeroAddress(value: FieldValue): boolean {
  if (value instanceof Uint8Array) return value.every((byte) => byte === 0);
  return value === '0.0.0.0' || value === '::' || value === '00:00:00:00:00:00';
}

/** Whether the layer's own lengths and checksums can be judged. */
export interface Trust {
  /** It is no quotation of another packet. */
  own: boolean;
  /** All of its message is there. */
  whole: boolean;
}

/** Sets `auto` and `wrong` of checksums. Needs the `auto` of all other fields. */
export function judgeChecksums(
  bytes: Uint8Array,
  stack: readonly Laid[],
  index: number,
  content: number,
  trust: Trust,
  warnings: string[],
): void {
  const laid = stack[index];
  if (laid === undefined) return;
  const { checksums, fields } = laid.header;
  for (let i = 0; i < checksums.length; i++) {
    const position = checksums[i] ?? 0;
    const spec = fields[position];
    const rule = spec?.spec.auto;
    const field = laid.layer.fields[placeOf(laid, position)];
    if (spec === undefined || rule?.kind !== 'checksum' || field === undefined) continue;
    const automatic = computedChecksum(bytes, stack, index, spec, field, content, 'asGiven');
    field.auto = field.value === automatic;
    if (!trust.own || (!trust.whole && rule.over === 'message')) continue;
    if (rule.zeroAs !== undefined && field.value === 0) {
      if (stack[index - 1]?.header.spec.pseudo === 'ipv6') {
        warnings.push(
          `${laid.layer.name}.${field.name} is 0 (none): over IPv6 only tunnels may do without (RFC 6935), others are dropped.`,
        );
      }
      continue;
    }
    const right = receiverSees(stack, index, content)
      ? automatic
      : computedChecksum(bytes, stack, index, spec, field, laid.end, 'actual');
    if (sameChecksum(field.value, right)) continue;
    field.wrong = right;
    warnings.push(
      `${laid.layer.name}.${field.name} is ${hex(field)}; the right value is ${hex({ ...field, value: right })}.`,
    );
  }
}

/** Whether a receiver computes over the same bytes as the builder does: the message ends where the packet ends. */
function receiverSees(stack: readonly Laid[], index: number, content: number): boolean {
  const below = stack[index - 1];
  if (stack[index]?.end !== content) return false;
  return below === undefined || below.layer.fields[placeOf(below, below.header.extentIndex)]?.auto !== false;
}

/** In one's complement, 0 and 0xffff are the same number. */
function sameChecksum(value: FieldValue, right: number): boolean {
  return value === right || ((value === 0 || value === 0xffff) && (right === 0 || right === 0xffff));
}

function hex(field: { value: FieldValue; bitLength: number }): string {
  return `0x${Number(field.value)
    .toString(16)
    .padStart(field.bitLength / 4, '0')}`;
}

/** A header length that is too short for its own header. */
export function judgeHeaderLength(laid: Laid, warnings: string[]): void {
  const index = laid.header.lengthIndex;
  if (index < 0) return;
  const field = laid.layer.fields[placeOf(laid, index)];
  const rule = laid.header.fields[index]?.spec.auto;
  if (field === undefined || field.auto || rule === undefined) return;
  field.wrong = computedNumber(laid, rule, laid.end);
  warnings.push(
    `${laid.layer.name}.${field.name} is ${describe(field.value)}; this header calls for ${describe(field.wrong)}.`,
  );
}
