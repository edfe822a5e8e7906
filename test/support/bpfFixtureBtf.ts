/** Builds `.BTF` bytes by hand, for kinds that the compiler at hand does not emit and for hostile input. */

export interface RawType {
  kind: number;
  name?: string;
  /** `vlen`, 16 bits. */
  count?: number;
  flag?: boolean;
  /** The size or type word. */
  word?: number;
  /** 32-bit words after it; a string is a name. */
  rest?: readonly (number | string)[];
}

export function buildBtf(types: readonly RawType[], littleEndian = true): Uint8Array {
  let strings = '\0';
  const offsetOf = (name: string): number => {
    if (name === '') return 0;
    const at = strings.indexOf(`\0${name}\0`);
    if (at >= 0) return at + 1;
    strings += `${name}\0`;
    return strings.length - name.length - 1;
  };
  const words: number[] = [];
  for (const { kind, name = '', count = 0, flag = false, word = 0, rest = [] } of types) {
    words.push(offsetOf(name), ((flag ? 0x80000000 : 0) | (kind << 24) | count) >>> 0, word >>> 0);
    for (const item of rest) words.push((typeof item === 'string' ? offsetOf(item) : item) >>> 0);
  }
  const bytes = new Uint8Array(24 + 4 * words.length + strings.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, littleEndian);
  view.setUint8(2, 1);
  const header = [24, 0, 4 * words.length, 4 * words.length, strings.length];
  header.forEach((value, index) => view.setUint32(4 + 4 * index, value, littleEndian));
  words.forEach((value, index) => view.setUint32(24 + 4 * index, value, littleEndian));
  for (let i = 0; i < strings.length; i++) bytes[24 + 4 * words.length + i] = strings.charCodeAt(i);
  return bytes;
}
