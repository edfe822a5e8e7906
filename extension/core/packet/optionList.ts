/** What TCP and DHCP options have in common: a list of `[name or number, value]`. */
import type { FieldValue, NamedOption } from './model.ts';
import { badField, describe, isNamedOption, type Place } from './value.ts';

export interface OptionField {
  name: string;
  place: Place;
}

/**
 * The bytes of a list of options, or bytes as they are. `encodeOption` appends one option; `example` says in an error
 * what one looks like. `["raw", bytes]` is written as it is.
 */
export function encodeOptionList(
  value: FieldValue,
  field: OptionField,
  example: string,
  encodeOption: (option: NamedOption, out: number[], field: OptionField) => void,
): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const { name, place } = field;
  if (!Array.isArray(value)) throw badField(place, name, `${describe(value)} is not a list of options.`);
  const out: number[] = [];
  for (const option of value) {
    if (!isNamedOption(option)) {
      throw badField(place, name, `${describe(option)} is not an option.`, `An option is ${example}.`);
    }
    const [kind, content] = option;
    if (kind !== 'raw') encodeOption(option, out, field);
    else if (content instanceof Uint8Array) append(out, content);
  }
  return Uint8Array.from(out);
}

/** Not by spreading: there may be more bytes than a call takes arguments. */
export function append(out: number[], bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) out.push(bytes[i] ?? 0);
}
