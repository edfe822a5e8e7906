import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../../extension/core/elf/utf8.ts';
import { readElf } from '../../extension/core/elf/readElf.ts';
import { XdpError } from '../../extension/core/errors.ts';
import { type Catalogue, speak, translated } from '../../extension/core/text/language.ts';
import { askTool, bpfPrelude, compileBpf, seeded } from '../support/bpfFixture.ts';

const source = `${bpfPrelude}
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } hits SEC(".maps");
static __attribute__((noinline)) int helper(__u32 *key) { return bpf_map_lookup_elem(&hits, key) ? 1 : 2; }
__u64 zero[70];
SEC("xdp") int first(struct xdp_md *ctx) { __u32 key = zero[ctx->rx_queue_index & 63]; return helper(&key); }
char _license[] SEC("license") = "GPL";
`;

/** Rows of the GNU-style tables of llvm-readelf. */
function rows(text: string, pattern: RegExp): string[][] {
  return text.split('\n').flatMap((line) => {
    const match = pattern.exec(line);
    return match === null ? [] : [match.slice(1).map((part) => part.trim())];
  });
}

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');
const symbolTypes = ['NOTYPE', 'OBJECT', 'FUNC', 'SECTION', 'FILE'];
const bindings = ['LOCAL', 'GLOBAL', 'WEAK'];

for (const target of ['bpfel', 'bpfeb'] as const) {
  test(`sections, symbols and relocations of a ${target} object are what llvm-readelf sees`, () => {
    const object = compileBpf(source, { target });
    const elf = readElf(object);
    expect(elf.littleEndian).toBe(target === 'bpfel');

    const sections = rows(
      askTool('llvm-readelf', ['-S', '-W', '@'], object),
      /^ +\[ *(\d+)\] (\S*) +[A-Z_]+ +[0-9a-f]{16} ([0-9a-f]{6}) ([0-9a-f]{6})/,
    );
    expect(elf.sections.map((s) => [String(s.index), s.name, hex(s.offset, 6), hex(s.size, 6)])).toEqual(sections);
    expect(sections.length).toBeGreaterThan(10);

    const symbols = rows(
      askTool('llvm-readelf', ['-s', '-W', '@'], object),
      /^ +\d+: ([0-9a-f]{16}) +(\d+) (\w+) +(\w+) +\w+ +(\w+) ?(.*)$/,
    );
    const place = (section: number): string => (section === 0 ? 'UND' : section === 0xfff1 ? 'ABS' : String(section));
    expect(
      elf.symbols.map((s) => [
        hex(s.value, 16),
        String(s.size),
        symbolTypes[s.type],
        bindings[s.binding],
        place(s.section),
        s.name,
      ]),
    ).toEqual(symbols);

    const relocations = rows(
      askTool('llvm-readelf', ['-r', '-W', '@'], object),
      /^([0-9a-f]{16}) +([0-9a-f]{16}) R_BPF/,
    );
    const ours = [...elf.relocations.values()]
      .flat()
      .map((r) => [hex(r.offset, 16), hex(r.symbol, 8) + hex(r.type, 8)]);
    expect(ours).toEqual(relocations);
    expect(relocations.length).toBeGreaterThan(3);
  });
}

function failure(bytes: Uint8Array): { code: string; message: string } {
  try {
    readElf(bytes);
  } catch (error) {
    if (error instanceof XdpError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('it was read');
}

const chinese = JSON.parse(readFileSync('extension/host/l10n/bundle.l10n.zh-cn.json', 'utf8')) as Catalogue;
const object = compileBpf(source);
const patched = (at: number, ...values: number[]): Uint8Array => {
  const copy = object.slice();
  copy.set(values, at);
  return copy;
};
const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

test.each<[string, Uint8Array, string, RegExp]>([
  ['nothing', new Uint8Array(0), 'not-bpf-object', /empty/],
  ['C source', ascii('int main(void) { return 0; }\n'), 'not-bpf-object', /it is text/],
  ['bitcode', ascii('BC\xc0\xde5\x14\0\0'), 'not-bpf-object', /bitcode/],
  ['other bytes', Uint8Array.of(1, 2, 3, 4, 5), 'not-bpf-object', /not an ELF file/],
  ['an x86-64 object', patched(18, 62, 0), 'not-bpf-object', /x86-64, not for BPF/],
  ['an unknown machine', patched(18, 0x34, 0x12), 'not-bpf-object', /machine 4660/],
  ['a 32-bit object', patched(4, 1), 'not-bpf-object', /32-bit/],
  ['an executable', patched(16, 2, 0), 'not-bpf-object', /an executable/],
  ['five bytes of ELF', object.subarray(0, 5), 'object-damaged', /offset 5/],
  ['a cut header', object.subarray(0, 40), 'object-damaged', /offset 40/],
  ['a cut file', object.subarray(0, object.length - 100), 'object-damaged', /section table/],
  [
    'a section table far outside',
    patched(40, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0),
    'object-damaged',
    /section table/,
  ],
  ['an impossible offset', patched(40, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 'object-damaged', /impossible/],
  ['no section names', patched(62, 0, 0), 'object-damaged', /section names/],
])('%s: one clear error', (_name, bytes, code, message) => {
  const error = failure(bytes);
  expect(error.code).toBe(code);
  expect(error.message).toMatch(message);
  speak(chinese);
  expect(translated(error.message)).not.toMatch(/[a-z]+ [a-z]+/);
  speak({});
});

test('sections that share their bytes are refused: they would let a small file cost much', () => {
  const copy = object.slice();
  const view = new DataView(copy.buffer);
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  for (let index = 2; index < count; index++) {
    view.setUint32(table + 64 * index + 4, 9, true);
    view.setBigUint64(table + 64 * index + 24, 0n, true);
    view.setBigUint64(table + 64 * index + 32, BigInt(copy.length), true);
  }
  expect(failure(copy).message).toMatch(/overlap/);
});

test('a view into a larger buffer reads the same', () => {
  const larger = new Uint8Array(object.length + 37);
  larger.set(object, 13);
  expect(readElf(larger.subarray(13, 13 + object.length)).symbols).toEqual(readElf(object).symbols);
});

test.each(['', 'plain', 'žluťoučký', '日本語', '𝄞 clef', 'a'.repeat(5000)])(
  'UTF-8 of %j is what Node makes of it',
  (text) => {
    const bytes = new TextEncoder().encode(text);
    expect(encodeUtf8(text)).toEqual(bytes);
    expect(decodeUtf8(bytes)).toBe(text);
  },
);

test('every two-byte sequence and random longer ones are accepted exactly when a strict decoder accepts them', () => {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const oracle = (bytes: Uint8Array): string | undefined => {
    try {
      return strict.decode(bytes);
    } catch {
      return undefined;
    }
  };
  const random = seeded(5);
  const cases = Array.from({ length: 3000 }, () =>
    Uint8Array.from(
      { length: 4 },
      () => [0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xed, 0xa0, 0xf0, 0x90, 0xf4, 0x8f][random(11)] ?? 0,
    ),
  );
  for (let a = 0x80; a < 0x100; a++) for (let b = 0x7f; b < 0xc1; b++) cases.push(Uint8Array.of(a, b));
  for (const bytes of cases) expect(decodeUtf8(bytes), String(bytes)).toBe(oracle(bytes));
});
