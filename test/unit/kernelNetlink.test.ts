import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createNetlink, type NetlinkSockets } from '../../extension/kernel/netlink/client.ts';
import {
  encodeAttributes,
  encodeNetlinkMessage,
  type NetlinkMessage,
  parseAck,
  parseAttributes,
  parseNetlinkMessages,
} from '../../extension/kernel/netlink/codec.ts';
import { parseChannels, parseFeatures } from '../../extension/kernel/netlink/ethtoolFamily.ts';
import { parseDevice } from '../../extension/kernel/netlink/netdevFamily.ts';
import {
  ipv6Text,
  parseAddress,
  parseLink,
  parseNetnsId,
  xdpAttachRequest,
} from '../../extension/kernel/netlink/rtnetlink.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

test('attributes and messages come back as they were', () => {
  const attribute = fc.record({ type: fc.integer({ min: 1, max: 0x3fff }), value: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.uniqueArray(attribute, { selector: (one) => one.type, maxLength: 8 }), (attributes) => {
      expect([...parseAttributes(encodeAttributes(attributes))]).toEqual(
        attributes.map(({ type, value }) => [type, value]),
      );
    }),
  );
  const message = fc.record({
    type: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    sequence: fc.nat(),
    payload: fc.uint8Array({ maxLength: 50 }),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
      expect(parseNetlinkMessages(Buffer.concat(messages.map(encodeNetlinkMessage)))).toEqual(
        messages.map((one) => ({ ...one, payload: Buffer.from(one.payload) })),
      );
    }),
  );
});

test('whatever comes, parsing ends and does not throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const message of parseNetlinkMessages(bytes)) parseAck(message);
      parseAttributes(bytes);
      parseLink(bytes);
      parseAddress(bytes);
      parseDevice(bytes);
      parseFeatures(bytes);
      parseChannels(bytes);
      parseNetnsId(bytes);
    }),
  );
});

test('the request that attaches, byte for byte as libbpf sends it', () => {
  // strace of bpf_xdp_attach(ifindex 2, fd 7, XDP_FLAGS_UPDATE_IF_NOEXIST | XDP_FLAGS_SKB_MODE): ifinfomsg, IFLA_XDP.
  expect(Buffer.from(xdpAttachRequest({ ifindex: 2, programFd: 7, flags: 3 })).toString('hex')).toBe(
    ['00000000', '02000000', '00000000', '00000000', '14002b80', '08000100', '07000000', '08000300', '03000000'].join(
      '',
    ),
  );
  expect(Buffer.from(xdpAttachRequest({ ifindex: 2, programFd: -1, flags: 0 })).toString('hex')).toContain(
    '08000100ffffffff',
  );
});

test("the kernel's words of a refusal", () => {
  // NLMSG_ERROR with NLM_F_CAPPED | NLM_F_ACK_TLVS: -EOPNOTSUPP, the echoed header, NLMSGERR_ATTR_MSG.
  const text = Buffer.from('Underlying driver does not support XDP in native mode\0');
  const payload = Buffer.concat([
    hex('a1ffffff 34000000 1300 0500 01000000 00000000'),
    encodeAttributes([{ type: 1, value: text }]),
  ]);
  expect(parseAck({ type: 2, flags: 0x300, sequence: 1, payload })).toEqual({
    result: -95,
    message: 'Underlying driver does not support XDP in native mode',
  });
  expect(parseAck({ type: 2, flags: 0, sequence: 1, payload: hex('00000000') })).toEqual({
    result: 0,
    message: undefined,
  });
});

test('xdp-features keep bits that have no name', () => {
  const payload = Buffer.concat([
    Buffer.alloc(4),
    encodeAttributes([
      { type: 1, value: hex('05000000') },
      { type: 3, value: hex('2b01000000000000') },
    ]),
  ]);
  expect(parseDevice(payload)).toEqual({
    ifindex: 5,
    xdpFeatures: ['basic', 'redirect', 'xsk-zerocopy', 'rx-sg', 'unknown(8)'],
  });
});

test.for([
  ['00000000000000000000000000000000', '::'],
  ['00000000000000000000000000000001', '::1'],
  ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
  ['20010db8000100010001000100010001', '2001:db8:1:1:1:1:1:1'],
  ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
  ['fe80000000000000b0d4e2fffe9c0001', 'fe80::b0d4:e2ff:fe9c:1'],
  ['00010000000000000000000000000000', '1::'],
] as const)('%s is %s', ([bytes, text]) => {
  expect(ipv6Text(hex(bytes))).toBe(text);
});

/** Sockets that answer with prepared datagrams. */
function sockets(
  answers: (message: NetlinkMessage) => NetlinkMessage[][] | number,
): NetlinkSockets & { open: (protocol: number, groups: number) => number; opened: number } {
  const queue: Uint8Array[] = [];
  const state = {
    opened: 0,
    open: () => {
      state.opened++;
      return 9;
    },
    send: (_fd: number, bytes: Uint8Array) => {
      const [message] = parseNetlinkMessages(bytes) as [NetlinkMessage];
      const given = answers(message);
      if (typeof given === 'number') return given;
      for (const datagram of given) {
        queue.push(Buffer.concat(datagram.map((one) => encodeNetlinkMessage({ ...one, sequence: message.sequence }))));
      }
      return bytes.length;
    },
    receive: (_fd: number, buffer: Uint8Array) => {
      const next = queue.shift();
      if (next === undefined) return -11;
      buffer.set(next);
      return next.length;
    },
    watch: () => ({ stop: () => {} }),
    close: () => {
      state.opened--;
    },
  };
  return state;
}
const link = (ifindex: number, name: string): NetlinkMessage => {
  const header = Buffer.alloc(16);
  header.writeInt32LE(ifindex, 4);
  const payload = Buffer.concat([header, encodeAttributes([{ type: 3, value: Buffer.from(`${name}\0`) }])]);
  return { type: 16, flags: 2, sequence: 0, payload };
};
const done: NetlinkMessage = { type: 3, flags: 2, sequence: 0, payload: new Uint8Array(4) };

test('a dump may come in several datagrams', () => {
  const fake = sockets(() => [[link(1, 'lo'), link(2, 'a')], [link(3, 'b')], [done]]);
  const links = createNetlink(fake).links();
  expect(typeof links === 'number' ? links : links.map((one) => one.name)).toEqual(['lo', 'a', 'b']);
  expect(fake.opened).toBe(0);
});

test('errors are numbers, and no socket stays open', () => {
  const refused = sockets(() => [[{ type: 2, flags: 0, sequence: 0, payload: hex('edffffff') }]]);
  expect(createNetlink(refused).link(7)).toBe(-19);
  const unsent = sockets(() => -1);
  expect(createNetlink(unsent).links()).toBe(-1);
  const noFamily = sockets(() => [[{ type: 2, flags: 0, sequence: 0, payload: hex('feffffff') }]]);
  expect(createNetlink(noFamily).xdpFeatures()).toBeUndefined();
  expect([refused.opened, unsent.opened, noFamily.opened]).toEqual([0, 0, 0]);
  const none = { ...sockets(() => []), open: () => -24 };
  expect(createNetlink(none).links()).toBe(-24);
  expect(createNetlink(none).watch(() => {})).toBeUndefined();
});
