import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clangs, compileFile, compileText, project, repository } from '../support/toolchain.ts';
import { bpftool, dump, type LoadedObject, PrivateBpffs, scapy } from '../support/toolchainKernel.ts';
import { readSnippets, sourceOf } from '../support/toolchainSnippets.ts';

let bpffs: PrivateBpffs;
beforeAll(() => {
  bpffs = new PrivateBpffs();
});
afterAll(() => bpffs.dispose());

const [aborted, drop, pass, tx] = [0, 1, 2, 3];

async function load(example: string, source: string, clangPath: string): Promise<LoadedObject> {
  const file = join(repository, 'bpf/examples', example, source);
  const result = await compileFile(file, { clangPath, output: join(project(), 'out.o') });
  return bpffs.load(result.object ?? '');
}

function pinOf(object: LoadedObject, name: string): string {
  const found = object.programs.find((program) => program.name === name);
  if (found === undefined) throw new Error(`the object has no program ${name}`);
  return found.pin;
}

function sums(id: number): Map<number, number> {
  return new Map(
    dump(id).map(({ key, values }) => [Number(key), (values ?? []).reduce((sum, { value }) => sum + Number(value), 0)]),
  );
}

test.each(clangs)('%s: counter counts every packet under its action', async (clangPath) => {
  const object = await load('counter', 'xdp_counter.bpf.c', clangPath);
  const pin = pinOf(object, 'xdp_counter');
  const cases: [string, number][] = [
    ['Ether()/IP()/UDP(dport=53)', pass],
    ['Ether()/IP()/UDP(dport=9)', drop],
    ["Ether()/IPv6()/UDP(dport=9)/Raw(b'x'*100)", drop],
    ['Ether()/Dot1Q()/IP()/UDP(dport=9)', drop],
    ['Ether()/IP()/TCP(dport=9)', pass],
    ['Ether()/ARP()', pass],
    ['Ether()/IP(ihl=15)/UDP(dport=9)', aborted],
    ["Ether()/IP(frag=9)/Raw(b'x'*40)", pass],
  ];
  const built = scapy(...cases.map(([expression]) => expression));
  const expected = [aborted, drop, pass, tx, 4].map(() => ({ packets: 0, bytes: 0 }));
  for (const [index, packet] of built.entries()) {
    const [expression, action = pass] = cases[index] ?? [];
    const run = bpffs.run(pin, packet);
    expect(run.retval, expression).toBe(action);
    expect(run.dataOut).toEqual(packet);
    const row = expected[action];
    if (row !== undefined) {
      row.packets++;
      row.bytes += packet.length;
    }
  }
  const rows = dump(object.map('xdp_stats_map').id).map(({ values }) =>
    (values as { value: { rx_packets: number; rx_bytes: number } }[]).reduce(
      (sum, { value }) => ({ packets: sum.packets + value.rx_packets, bytes: sum.bytes + value.rx_bytes }),
      { packets: 0, bytes: 0 },
    ),
  );
  expect(rows).toEqual(expected);
});

test.each(clangs)('%s: firewall drops what the block list holds, the longest prefix first', async (clangPath) => {
  const object = await load('firewall', 'xdp_firewall.bpf.c', clangPath);
  const pin = pinOf(object, 'xdp_firewall');
  const { id } = object.map('blocklist');
  const block = (length: number, address: string, value: number): void => {
    const key = [length, 0, 0, 0, ...address.split('.')].map(String);
    bpftool('map', 'update', 'id', String(id), 'key', ...key, 'value', String(value), '0', '0', '0');
  };
  block(32, '10.0.0.66', 1);
  block(16, '192.168.0.0', 1);
  block(24, '192.168.7.0', 0);
  const cases: [string, number][] = [
    ["Ether()/IP(src='10.0.0.66')/UDP()", drop],
    ["Ether()/IP(src='10.0.0.67')/UDP()", pass],
    ["Ether()/Dot1Q()/IP(src='192.168.1.1')/TCP()", drop],
    ["Ether()/IP(src='192.168.7.1')/TCP()", pass],
    ["Ether()/IP(dst='10.0.0.66')/UDP()", pass],
    ["Ether()/IP(src='10.0.0.66', ihl=3)/UDP()", drop],
    ['Ether()/IPv6()/UDP()', pass],
  ];
  const built = scapy(...cases.map(([expression]) => expression));
  const verdicts = built.map((packet, index) => [cases[index]?.[0], bpffs.run(pin, packet).retval]);
  expect(verdicts).toEqual(cases);
  expect(Object.fromEntries(sums(object.map('dropped').id))).toEqual({ 0: 2, 1: 1 });
});

test.each(clangs)('%s: multi has four programs that share a map', async (clangPath) => {
  const object = await load('multi', 'xdp_multi.bpf.c', clangPath);
  expect(object.programs.map((one) => one.name).toSorted()).toEqual([
    'xdp_drop',
    'xdp_drop_large',
    'xdp_pass',
    'xdp_reflect',
  ]);
  const [there, back, large] = scapy(
    "Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02')/IP()/UDP()",
    "Ether(src='02:00:00:00:00:02', dst='02:00:00:00:00:01')/IP()/UDP()",
    "Ether()/IP()/UDP()/Raw(b'x'*1200)",
  );
  if (there === undefined || large === undefined) throw new Error('Scapy built nothing');
  expect(bpffs.run(pinOf(object, 'xdp_pass'), there).retval).toBe(pass);
  expect(bpffs.run(pinOf(object, 'xdp_drop'), there).retval).toBe(drop);
  expect(bpffs.run(pinOf(object, 'xdp_reflect'), there)).toEqual({ retval: tx, dataOut: back });
  expect(bpffs.run(pinOf(object, 'xdp_drop_large'), large).retval).toBe(drop);
  expect(bpffs.run(pinOf(object, 'xdp_drop_large'), there).retval).toBe(pass);
  expect(Object.fromEntries(sums(object.map('seen').id))).toEqual({ 0: 1, 1: 1, 2: 1, 3: 2 });
});

test.each(clangs)(
  '%s: vlan takes the tag off and leaves a checksum that Scapy would have computed',
  async (clangPath) => {
    const object = await load('vlan', 'xdp_vlan_pop.bpf.c', clangPath);
    const pin = pinOf(object, 'xdp_vlan_pop');
    const mac = "Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02')";
    const pairs: [string, string][] = [];
    for (const [prio, tos] of [
      [0, 0],
      [5, 0],
      [7, 0xff],
      [3, 0x02],
    ] as const) {
      const after = (prio << 5) | (tos & 3);
      for (const id of [1, 0x1234, 0xffff, 0xb861]) {
        const ip = (value: number): string =>
          `IP(src='10.1.2.3', dst='10.4.5.6', id=${id}, tos=${value})/UDP()/Raw(b'payload')`;
        pairs.push([`${mac}/Dot1Q(vlan=42, prio=${prio})/${ip(tos)}`, `${mac}/${ip(after)}`]);
      }
    }
    pairs.push(
      [`${mac}/Dot1AD(vlan=42)/Dot1Q(vlan=7)/IP()/UDP()`, `${mac}/Dot1Q(vlan=7)/IP()/UDP()`],
      [`${mac}/Dot1Q(vlan=42)/IPv6()/UDP()`, `${mac}/IPv6()/UDP()`],
      [`${mac}/IP()/UDP()`, `${mac}/IP()/UDP()`],
    );
    const before = scapy(...pairs.map(([expression]) => expression));
    const after = scapy(...pairs.map(([, expression]) => expression));
    for (const [index, packet] of before.entries()) {
      const run = bpffs.run(pin, packet);
      expect(run.retval).toBe(pass);
      expect(run.dataOut.toString('hex'), pairs[index]?.[0]).toBe(after[index]?.toString('hex'));
    }
    expect(sums(object.map('popped').id).get(42)).toBe(18);
  },
);

test.each(clangs)('%s: tail_call reaches the handler of the protocol', async (clangPath) => {
  const object = await load('tail_call', 'xdp_tail_call.bpf.c', clangPath);
  const pin = pinOf(object, 'xdp_dispatch');
  const cases: [string, number][] = [
    ['Ether()/IP()/ICMP()', drop],
    ['Ether()/IP()/ICMP(type=0)', pass],
    ['Ether()/IP()/TCP(dport=23)', drop],
    ['Ether()/IP()/TCP(dport=80)', pass],
    ['Ether()/IP()/UDP()', pass],
    ['Ether()/IP(proto=47)', pass],
    ['Ether()/ARP()', pass],
    ["Ether()/IP(proto=6, frag=4)/Raw(b'123')", pass],
  ];
  const built = scapy(...cases.map(([expression]) => expression));
  const verdicts = built.map((packet, index) => [cases[index]?.[0], bpffs.run(pin, packet).retval]);
  expect(verdicts).toEqual(cases);
  const counted = [...sums(object.map('handled').id)].filter(([, packets]) => packets > 0);
  expect(counted).toEqual([
    [1, 2],
    [6, 2],
    [17, 1],
    [255, 3],
  ]);
});

const snippets = readSnippets();

test.each(Object.keys(snippets))('the snippet "%s" loads as it is inserted', async (name) => {
  for (const clangPath of clangs) {
    const result = await compileText(sourceOf(name, snippets), { clangPath });
    const object = bpffs.load(result.object ?? '');
    expect(object.programs).toHaveLength(1);
    // A parser that is given a packet of 64 zero bytes must neither crash nor be refused.
    const verdict = bpffs.run(object.programs[0]?.pin ?? '', Buffer.alloc(64)).retval;
    expect(verdict).toBeLessThanOrEqual(4);
  }
});
