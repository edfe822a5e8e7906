import { expect, test } from 'vitest';
import { dissect } from '../../extension/core/packet/dissect.ts';
import type { FieldSpec } from '../../extension/core/packet/headers/spec.ts';
import { headers } from '../../extension/core/packet/headers/table.ts';
import { parseHex, toHex } from '../../extension/core/packet/hex.ts';
import { formatScapy, parseScapy } from '../../extension/core/packet/scapy.ts';
import { packetTemplates } from '../../extension/core/packet/templates.ts';
import { byteDiff } from '../../webview/packet/byteDiff.ts';
import { emptyInputs, type RunInputs, readInputs } from '../../webview/packet/context.ts';
import {
  draftOf,
  draftOfBytes,
  fieldAt,
  specOf,
  withField,
  withLayerAdded,
  withLayerMoved,
  withoutLayer,
} from '../../webview/packet/draft.ts';
import { bytesForm, hasFlag, inputText, toggledFlag, valueOfInput } from '../../webview/packet/fieldText.ts';
import { rowsOfChange } from '../../webview/packet/mapChangeRows.ts';
import { optionsText, valueOfOptions } from '../../webview/packet/optionText.ts';
import { remembered, restore } from '../../webview/packet/panelState.ts';

const built = (expression: string): Uint8Array => {
  const result = draftOf(parseScapy(expression));
  if (!result.ok) throw new Error(result.problem.message);
  return result.draft.built.bytes;
};

test('every template survives a reload, and every template can be read back from its bytes', () => {
  for (const { id, layers } of packetTemplates) {
    const result = draftOf(layers);
    if (!result.ok) throw new Error(`${id}: ${result.problem.message}`);
    const { draft } = result;
    const stored: unknown = JSON.parse(
      JSON.stringify(remembered({ draft, inputs: emptyInputs, folded: new Set(['IP']), view: 'picture' as const })),
    );
    const again = restore(stored as ReturnType<typeof remembered>);
    expect([id, toHex(again.draft.built.bytes)]).toEqual([id, toHex(draft.built.bytes)]);
    expect([...again.folded]).toEqual(['IP']);
    expect([id, toHex(draftOfBytes(draft.built.bytes).built.bytes)]).toEqual([id, toHex(draft.built.bytes)]);
  }
});

test('state that cannot be read starts a fresh packet', () => {
  const { draft } = restore({ expression: 'Nonsense(', inputs: emptyInputs, folded: [], view: 'fields' });
  expect(draft.layers.length).toBeGreaterThan(0);
  expect(restore({ expression: '', inputs: emptyInputs, folded: [], view: 'fields' }).draft.layers).toEqual([]);
});

test('a layer goes where it belongs', () => {
  const check = (start: string, add: string, expected: string): void =>
    expect(formatScapy(withLayerAdded(parseScapy(start), add))).toBe(expected);
  check('Ether()/IP()/UDP()', 'Dot1Q', 'Ether()/Dot1Q()/IP()/UDP()');
  check('Ether()/Raw(b"x")', 'IP', 'Ether()/IP()/Raw(b"x")');
  check('Ether()/IP()', 'Raw', 'Ether()/IP()/Raw()');
  check('IP()', 'Ether', 'Ether()/IP()');
  expect(withLayerAdded([], 'ARP')).toEqual([{ name: 'ARP', fields: {} }]);
});

test('fields are set by hand and made automatic again; layers move and go', () => {
  const layers = parseScapy('Ether()/IP()');
  const manual = withField(layers, 1, 'ttl', 3);
  expect(formatScapy(manual)).toBe('Ether()/IP(ttl=3)');
  expect(withField(manual, 1, 'ttl', undefined)).toEqual(layers);
  expect(withLayerMoved(layers, 0, 1).map(({ name }) => name)).toEqual(['IP', 'Ether']);
  expect(withoutLayer(layers, 0).map(({ name }) => name)).toEqual(['IP']);
});

test('a value that does not fit names its layer and field, and the draft before stays', () => {
  const result = draftOf(withField(parseScapy('Ether()/IP()'), 1, 'ttl', '300'));
  expect(result.ok ? undefined : [result.problem.layer, result.problem.field]).toEqual([1, 'ttl']);
});

test('bytes point at fields', () => {
  const { built: packet } = draftOfBytes(built('Ether()/IP()/UDP()'));
  const nameAt = (byte: number): string => {
    const place = fieldAt(packet, byte);
    const layer = place === undefined ? undefined : packet.layers[place.layer];
    return place === undefined ? '' : `${layer?.name}.${layer?.fields[place.field]?.name}`;
  };
  expect([0, 12, 14, 22, 34, 41, 42].map(nameAt)).toEqual([
    'Ether.dst',
    'Ether.type',
    'IP.version',
    'IP.ttl',
    'UDP.sport',
    'UDP.chksum',
    '',
  ]);
});

test('bytes that are no packet stay what they are', () => {
  for (const hex of ['', '01', 'ffffffffffff0000000000000800', '00'.repeat(64)]) {
    expect(toHex(draftOfBytes(parseHex(hex)).built.bytes)).toBe(hex);
  }
});

function fieldSpec(layer: string, field: string): FieldSpec {
  const spec = headers.get(layer)?.fields.find(({ name }) => name === field);
  if (spec === undefined) throw new Error(`${layer}.${field}`);
  return spec;
}

test('what an input shows can be typed into it', () => {
  const { built: packet } = draftOfBytes(built('Ether()/IP(flags="DF", src="10.0.0.1")/TCP(dport=443)'));
  for (const layer of packet.layers) {
    for (const field of layer.fields) {
      const spec = specOf(layer.name, field);
      if (spec === undefined || spec.kind === 'tcpOptions' || spec.kind === 'packets' || spec.kind === 'bytes')
        continue;
      const value = valueOfInput(spec, inputText(spec, field.value));
      const index = packet.layers.indexOf(layer);
      const again = draftOf(withField(draftOfBytes(packet.bytes).layers, index, field.name, value));
      expect([layer.name, field.name, again.ok ? toHex(again.draft.built.bytes) : again.problem]).toEqual([
        layer.name,
        field.name,
        toHex(packet.bytes),
      ]);
    }
  }
});

test('inputs', () => {
  expect(valueOfInput(fieldSpec('Ether', 'type'), ' 0x86dd (IPv6)')).toBe('0x86dd');
  expect(valueOfInput(fieldSpec('IP', 'ttl'), '  ')).toBeUndefined();
  expect(bytesForm(Uint8Array.from([0x61, 0x62]))).toBe('text');
  expect(bytesForm(Uint8Array.from([0x61, 0]))).toBe('hex');
  expect(hasFlag(2 ** 40 + 1, 40)).toBe(true);
  expect([toggledFlag(2, 1), toggledFlag(0, 1), toggledFlag(2 ** 40, 0)]).toEqual([0, 2, 2 ** 40 + 1]);
});

test('options as text, and back', () => {
  const options = '[("MSS", 1460), ("NOP", b"")]';
  const value = valueOfOptions('TCP', 'options', options);
  expect(value === undefined ? '' : optionsText('TCP', 'options', value)).toBe(options);
  expect(valueOfOptions('TCP', 'options', '[]')).toBeUndefined();
  expect(optionsText('IP', 'options', [])).toBe('[]');
  const query = 'DNSQR(qname="a.b")/DNSQR(qname="c.d")';
  expect(optionsText('DNS', 'qd', valueOfOptions('DNS', 'qd', query) ?? '')).toBe(query);
  expect(valueOfOptions('DNS', 'qd', 'DNSQR()')).toBeUndefined();
  expect(optionsText('DNS', 'qd', valueOfOptions('DNS', 'qd', 'None') ?? '')).toBe('None');
  const dhcp = '[("message-type", "offer"), ("router", "10.0.0.1", "10.0.0.2"), "end"]';
  expect(optionsText('DHCP', 'options', valueOfOptions('DHCP', 'options', dhcp) ?? '')).toBe(dhcp);
  expect(() => valueOfOptions('TCP', 'options', 'MSS')).toThrow('"MSS" is not a value');
});

test('what the program did to the bytes', () => {
  const check = (before: string, after: string, expected: string): void => {
    const { marks, removed } = byteDiff(dissect(built(before)), dissect(built(after)));
    const parts = [
      ...marks.map(({ kind, start, end }) => `${kind} ${start}-${end}`),
      ...removed.map(({ offset, count }) => `removed ${count} at ${offset}`),
    ];
    expect(parts.join(', ')).toBe(expected);
  };
  const udp = 'IP(src="10.0.0.1")/UDP()/Raw(b"abcdef")';
  check(`Ether()/${udp}`, `Ether()/${udp}`, '');
  check('Ether()/ARP(op=1)', 'Ether()/ARP(op=2)', 'changed 21-22');
  // The tag's own bytes, not all that moved behind it.
  check(`Ether()/Dot1Q(vlan=7)/${udp}`, `Ether()/${udp}`, 'changed 12-13, removed 4 at 14');
  check(`Ether()/${udp}`, `Ether()/Dot1Q(vlan=7)/${udp}`, 'changed 12-13, inserted 14-18');
  check('Ether(type=0x9000)/Raw(b"abcd")', 'Ether(type=0x9000)/Raw(b"ab")', 'removed 2 at 16');
});

function problems(change: Partial<RunInputs>, packetBytes = 60, frags = false): string[] {
  const attached = [{ progId: 41, program: 'p', iface: 'veth0' }];
  const situation = { packetBytes, frags, interfaces: [{ name: 'veth0', ifindex: 7 }], attached };
  return readInputs({ ...emptyInputs, ...change }, situation).problems.map(
    ({ input, message }) => `${input}: ${message}`,
  );
}

test('what the kernel would refuse is said before', () => {
  expect(problems({})).toEqual([]);
  expect(problems({}, 13)).toEqual([
    'packet: The kernel takes packets of 14 bytes or more, an Ethernet header; this one has 13.',
  ]);
  expect(problems({}, 14)).toEqual([]);
  expect(problems({}, 3520)).toEqual([]);
  expect(problems({}, 3521)[0]).toContain('3,520 bytes at most');
  expect(problems({ metadata: '01020304' }, 3520)[0]).toContain('these are 3,524');
  expect(problems({}, 9000, true)).toEqual([]);
  expect(problems({ metadata: '010203' })).toEqual([
    'metadata: The kernel takes metadata of a multiple of 4 bytes; these are 3.',
  ]);
  expect(problems({ metadata: '00'.repeat(256) })[0]).toContain('252 bytes of metadata at most');
  expect(problems({ metadata: 'xyz' })).toEqual(['metadata: Metadata is hex, two digits a byte.']);
  expect(problems({ rxQueue: '2' })[0]).toContain('choose the ingress interface');
  expect(problems({ rxQueue: '2', ingress: 'veth0' })).toEqual([]);
  expect(problems({ rxQueue: '0' })).toEqual([]);
  expect(problems({ repeat: '0' })).toEqual(['repeat: Repeat is a whole number, from 1 to 10,000,000.']);
  expect(problems({ cpu: '-1' })[0]).toContain('CPU is a whole number');
  expect(problems({ linear: '13' })[0]).toContain('from 14 to 3,520');
  expect(problems({ linear: '61' })[0]).toContain('The packet has 60 bytes');
  expect(problems({ mode: 'live' })[0]).toContain('choose one, or start the lab');
  expect(problems({ mode: 'live', ingress: 'veth0', batch: '257' })[0]).toContain(
    'Batch is a whole number, from 1 to 256',
  );
  expect(problems({ mode: 'live', ingress: 'veth0' }, 3401)[0]).toContain('room for 3,400 bytes');
  expect(problems({ mode: 'live', ingress: 'veth0', repeat: 'x' })).toEqual([]);
  expect(problems({ maps: '{ "m": [{ "key": 1 }] }' })[0]).toContain('maps: The maps cannot be read: 1:9:');
  expect(problems({ maps: '{ "m": [{ "key": 1, "value": 2 }] }' })).toEqual([]);
});

test('what a run asks for', () => {
  const inputs = { ...emptyInputs, repeat: '1,000', ingress: 'veth0', rxQueue: '1', metadata: '01 02 03 04', cpu: '3' };
  const attached = [{ progId: 41, program: 'p', iface: 'veth0' }];
  const interfaces = [
    { name: 'veth0', ifindex: 7 },
    { name: 'xdplab0', ifindex: 9 },
  ];
  const situation = { packetBytes: 60, frags: false, interfaces, attached };
  const asks = (change: Partial<RunInputs>): unknown => readInputs({ ...emptyInputs, ...change }, situation).request;
  const context = { ingressIfindex: 7, rxQueueIndex: 1, metadata: Uint8Array.from([1, 2, 3, 4]), cpu: 3 };
  expect(asks(inputs)).toEqual({ kind: 'run', repeat: 1000, context });
  expect(asks({})).toEqual({ kind: 'run', repeat: 1000, context: {} });
  const maps = '{ "m": [] }';
  expect(asks({ maps })).toEqual({ kind: 'run', repeat: 1000, context: {}, maps });
  expect(asks({ linear: '20' })).toEqual({ kind: 'run', repeat: 1000, context: { linearBytes: 20 } });
  expect(asks({ mode: 'attached 41' })).toEqual({ kind: 'run', repeat: 1, context: {}, attachedProgId: 41 });
  // It was detached meanwhile.
  expect(asks({ mode: 'attached 40' })).toEqual({ kind: 'run', repeat: 1000, context: {} });
  expect(asks({ mode: 'live', batch: '32' })).toEqual({
    kind: 'live',
    frames: 100_000,
    batch: 32,
    context: { ingressIfindex: 9 },
  });
  expect(asks({ mode: 'live', ingress: 'veth0' })).toEqual({
    kind: 'live',
    frames: 100_000,
    context: { ingressIfindex: 7 },
  });
});

test('changed map entries: sums, CPUs, new and deleted keys', () => {
  const schema = {
    kind: 'schema' as const,
    mapId: 1,
    type: 'percpu_hash',
    name: 'm',
    keySize: 1,
    valueSize: 2,
    maxEntries: 8,
    keyTypeId: 0,
    valueTypeId: 0,
    possibleCpus: [0, 3],
  };
  const key = Uint8Array.from([0xaa]);
  const before = new Uint8Array(16);
  const after = before.slice();
  after[8] = 5;
  const rows = rowsOfChange({
    map: 'm',
    mapId: 1,
    schema,
    changes: [
      { key, before, after },
      { key, after },
      { key, before },
    ],
  });
  expect(rows).toEqual([
    { key: 'aa', field: '', before: '0000 0000', after: '0000 0500', cpus: ['CPU 3: 0000 → 0500'] },
    { key: 'aa', field: '', before: 'new', after: '0000 0500', cpus: ['CPU 3: 0000 → 0500'] },
    { key: 'aa', field: '', before: '0000 0000', after: 'deleted', cpus: [] },
  ]);
});
