/** The simulated host of the editor of packet tests: a document in a variable, with undo. */

const file = `{
  "source": "xdp_firewall.bpf.c",
  "program": "xdp_firewall",
  "tests": [
    {
      "name": "blocked source is dropped",
      "packet": "Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02')/IP(src='10.0.0.66', ttl=5)/TCP(dport=443, flags='S', chksum=0x1234, options=[('MSS', 1460), ('WScale', 7)])",
      "expect": { "action": "XDP_DROP", "packet": "unchanged" }
    },
    { "name": "DNS over VXLAN passes", "packet": "Ether()/IP()/UDP()/VXLAN(vni=7, flags=8)/Ether()/IP(src='10.1.0.1')/UDP()/DNS(qd=DNSQR(qname='example.com'))", "expect": { "action": "XDP_PASS" } },
    { "name": "as bytes", "packet": { "hex": "ffffffffffff0000000000000800450000" }, "expect": { "action": "XDP_PASS" } },
    { "name": "three in a row", "packets": ["Ether()/ARP()", "Ether()/IP()/ICMP()", "Ether()/IPv6()/ICMPv6EchoRequest(data=b'ping')"], "expect": { "action": "XDP_TX" } },
    { "name": "from a capture", "packet": { "pcap": "attack.pcapng", "index": 12 }, "expect": { "action": "XDP_DROP" } },
    { "name": "with a mistake", "packet": "Ether()/IP(tttl=5)", "expect": { "action": "XDP_DROP" } }
  ]
}
`;

export function installPacketTestsHost(scene, post) {
  let text =
    scene === 'testsEmpty'
      ? '{\n  "source": "a.bpf.c",\n  "tests": []\n}\n'
      : scene === 'testsDamaged'
        ? '{ "tests": ['
        : file;
  let version = 1;
  const undo = [];
  const send = () => post({ kind: 'document', name: 'xdp_firewall.xdptest.json', text, version });
  window.harnessDocument = () => text;
  window.harnessUndo = () => {
    text = undo.pop() ?? text;
    version++;
    send();
  };
  return {
    ready: send,
    receive: (message) => {
      if (message.kind !== 'edit') return;
      if (message.version === version) {
        undo.push(text);
        for (const { offset, length, text: by } of message.edits.toReversed()) {
          text = text.slice(0, offset) + by + text.slice(offset + length);
        }
        version++;
      }
      // The extension host answers a little later.
      setTimeout(send, 5);
    },
  };
}
