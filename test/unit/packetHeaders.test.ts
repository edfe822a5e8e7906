import { expect, test } from 'vitest';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { compiledHeaders } from '../../extension/core/packet/compile.ts';
import type { Condition, HeaderSpec } from '../../extension/core/packet/headers/spec.ts';
import { headers } from '../../extension/core/packet/headers/table.ts';
import { fieldText } from '../../extension/core/packet/value.ts';

const specs = [...headers.values()];

function fieldsNamed(condition: Condition | undefined): string[] {
  if (condition === undefined) return [];
  if ('any' in condition) return condition.any.flatMap(fieldsNamed);
  if ('all' in condition) return condition.all.flatMap(fieldsNamed);
  return [condition.field];
}

/** Every name of a field that a table mentions. A slip there would be silent otherwise. */
function mentioned(spec: HeaderSpec): string[] {
  return [
    ...(spec.headerLength === undefined ? [] : [spec.headerLength.field]),
    ...(spec.extent === undefined ? [] : [spec.extent.field]),
    ...(spec.next?.fields ?? []),
    ...fieldsNamed(spec.next?.when),
    ...fieldsNamed(spec.partial),
    ...fieldsNamed(spec.extent?.openIfZero),
    ...spec.fields.flatMap((field) => [
      ...fieldsNamed(field.when),
      ...(typeof field.size === 'object' && 'field' in field.size ? [field.size.field] : []),
      ...(typeof field.size === 'object' && 'count' in field.size ? [field.size.count] : []),
      ...(field.auto?.kind === 'tail' ? [field.auto.after] : []),
      ...(field.auto !== undefined && 'field' in field.auto ? [field.auto.field] : []),
      ...(field.auto?.kind === 'checksum' ? fieldsNamed(field.auto.when) : []),
    ]),
  ];
}

test('tables mention only fields and headers that exist', () => {
  for (const spec of specs) {
    const names = spec.fields.map(({ name }) => name);
    for (const name of mentioned(spec)) expect(names, `${spec.name} mentions ${name}`).toContain(name);
    for (const name of [spec.like, spec.next?.otherwise, ...(spec.under ?? []).map(({ lower }) => lower)]) {
      if (name !== undefined) expect([...headers.keys()], `${spec.name} mentions ${name}`).toContain(name);
    }
    for (const { lower, set, match } of spec.under ?? []) {
      const below = headers.get(lower)?.fields.map(({ name }) => name);
      for (const name of Object.keys({ ...set, ...match }))
        expect(below, `${spec.name} under ${lower}`).toContain(name);
    }
  }
});

test('every field says what it is and where that stands', () => {
  for (const spec of specs) {
    expect(spec.label, spec.name).not.toBe('');
    expect(spec.help, spec.name).toMatch(/\.$/);
    for (const field of spec.fields) {
      expect(field.label, `${spec.name}.${field.name}`).not.toBe('');
      expect(field.help, `${spec.name}.${field.name}`).toMatch(/\.$/);
      if (spec.name !== 'Raw' && spec.name !== 'Padding')
        expect(field.rfc, `${spec.name}.${field.name}`).toMatch(/^(RFC|IEEE) /);
      if (field.size === undefined && field.phantom !== true)
        expect(field.bits, `${spec.name}.${field.name}`).toBeGreaterThan(0);
    }
  }
});

test('two fields of one name are never both there', () => {
  for (const spec of specs) {
    const bits = spec.fields.find(({ name }) => name === 'type')?.bits ?? 0;
    for (const type of Array(2 ** Math.min(bits, 8)).keys()) {
      if (bits === 0) break;
      if (spec.role === 'option') break;
      const [layer] = buildPacket([{ name: spec.name, fields: { type } }]).layers;
      const names = layer?.fields.map(({ name }) => name) ?? [];
      expect(new Set(names).size, `${spec.name}(type=${type})`).toBe(names.length);
    }
  }
});

test('headers end on a byte, whatever they hold by default', () => {
  for (const spec of specs) {
    if (spec.role === 'option') continue;
    const { bytes, layers } = buildPacket([{ name: spec.name, fields: {} }]);
    expect(layers[0]?.length, spec.name).toBe(bytes.length);
  }
});

test('the tables are compiled once', () => {
  expect(compiledHeaders()).toBe(compiledHeaders());
  expect(compiledHeaders().size).toBe(headers.size);
});

const texts: [layer: string, field: string, value: number | string | Uint8Array, text: string][] = [
  ['Ether', 'type', 0x0800, '0x0800 (IPv4)'],
  ['Ether', 'type', 0x1234, '0x1234'],
  ['TCP', 'flags', 0x12, '18 (SA)'],
  ['TCP', 'flags', 0, '0'],
  ['IP', 'flags', 3, '3 (MF+DF)'],
  ['IP', 'proto', 6, '6 (tcp)'],
  ['IP', 'chksum', 0xab, '0x00ab'],
  ['IP', 'src', '10.0.0.1', '10.0.0.1'],
  ['Raw', 'load', new Uint8Array(3), '3 bytes'],
];

test.each(texts)('%s.%s %s is shown as %s', (layer, name, value, text) => {
  const field = headers.get(layer)?.fields.find((other) => other.name === name);
  if (field === undefined) throw new Error('no such field');
  expect(fieldText(field, value)).toBe(text);
});
