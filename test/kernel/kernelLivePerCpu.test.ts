import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBtf } from '../../extension/core/btf/readBtf.ts';
import { decodeEntries } from '../../extension/core/maps/entries.ts';
import { mapSchema } from '../../extension/core/maps/schema.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { bpftool, fixture, helper, type VethLab, vethLab } from '../support/kernelHelper.ts';

let lab: VethLab;
let client: HelperClient;
beforeAll(async () => {
  lab = vethLab();
  client = await helper({ netns: lab.ns });
});
afterAll(async () => {
  await client?.dispose();
  lab?.remove();
});

const packets = 50;
/** Ethernet, IPv4 and UDP headers. */
const headerBytes = 42;

/** Sends from a process pinned to a CPU: veth delivers a packet on the CPU that sent it. */
function sendPinned(cpu: number, payloadBytes: number): void {
  const sender = `
    const socket = require('node:dgram').createSocket('udp4');
    let left = ${packets};
    const next = () => left-- > 0 ? socket.send(Buffer.alloc(${payloadBytes}), 9, '10.99.0.1', next) : socket.close();
    next();`;
  lab.runFar('taskset', '-c', String(cpu), process.execPath, '-e', sender);
}

test('live traffic pinned to each CPU lands in that CPU’s slot of a 4-byte per-CPU value', async () => {
  const [{ address: mac } = { address: '' }] = JSON.parse(lab.run('ip', '-j', 'link', 'show', lab.near)) as {
    address: string;
  }[];
  // The program drops everything, so nobody would answer who has the address.
  lab.runFar('ip', 'neigh', 'replace', '10.99.0.1', 'lladdr', mac, 'dev', lab.far);
  const elf = fixture('kernelCounter');
  const loaded = await client.call('object/load', { elf, name: 'counter', programs: ['xdp_dropper'] });
  const { ifindex } = lab;
  await client.call('xdp/attach', {
    object: loaded.object,
    program: 'xdp_dropper',
    ifindex,
    mode: 'native',
    via: 'link',
    keep: false,
  });
  const { onlineCpus, possibleCpus } = client.hello;
  // A length of its own for each CPU is a key of its own in the map.
  for (const cpu of onlineCpus) sendPinned(cpu, 100 + cpu);

  const spec = parseObject(elf);
  const info = loaded.maps.find(({ name }) => name === 'by_length');
  const declared = spec.maps.find(({ name }) => name === 'by_length');
  if (info === undefined || declared === undefined) throw new Error('by_length is missing');
  const btf = spec.btfBytes === undefined ? undefined : readBtf(spec.btfBytes);
  const schema = mapSchema(info, btf, declared.keyTypeId, declared.valueTypeId, possibleCpus);
  const page = await client.call('map/read', { map: { id: info.id }, limit: 100 });
  const entries = new Map(decodeEntries(schema, page).map((entry) => [entry.key, entry]));
  for (const cpu of onlineCpus) {
    const expected = possibleCpus.map((each) => (each === cpu ? packets : 0));
    expect(entries.get(headerBytes + 100 + cpu)).toMatchObject({ values: expected, sum: packets });
  }
  // bpftool's reading of the same map.
  const dump = bpftool('map', 'dump', 'id', String(info.id)) as {
    formatted: { key: number; values: { cpu: number; value: number }[] };
  }[];
  for (const { formatted } of dump) {
    expect(entries.get(formatted.key)?.values).toEqual(formatted.values.map(({ value }) => value));
  }
});
