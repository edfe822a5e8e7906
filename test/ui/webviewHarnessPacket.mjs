/** The packet panel's side of the simulated host: programs, and a run that answers as its scene asks. */

const bytesOf = (hex) =>
  Uint8Array.from(hex.replaceAll(/\s/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

const programs = {
  kind: 'programs',
  programs: [
    { file: '/home/me/xdp/xdp_counter.bpf.c', name: 'xdp_counter', section: 'xdp' },
    { file: '/home/me/xdp/xdp_firewall.bpf.c', name: 'xdp_firewall', section: 'xdp' },
    { file: '/home/me/xdp/xdp_firewall.bpf.c', name: 'xdp_big', section: 'xdp.frags' },
  ],
  selected: 0,
  interfaces: [
    { name: 'lo', ifindex: 1 },
    { name: 'veth0', ifindex: 7 },
    { name: 'xdplab0', ifindex: 9 },
  ],
  attached: [{ progId: 41, program: 'xdp_counter', iface: 'veth0' }],
};

const log = `0: R1=ctx(off=0,imm=0) R10=fp0
; void *data = (void *)(long)ctx->data;
0: (61) r2 = *(u32 *)(r1 +0)          ; R1=ctx(off=0,imm=0) R2_w=pkt(off=0,r=0,imm=0)
; return *(unsigned char *)data ? XDP_PASS : XDP_DROP;
1: (71) r0 = *(u8 *)(r2 +0)
invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)
R2 offset is outside of the packet
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0`;

function changedCounters({ schema, summaries }) {
  const after = new Uint8Array(4 * 16);
  const view = new DataView(after.buffer);
  view.setBigUint64(32, 1n, true);
  view.setBigUint64(40, 47n, true);
  return [
    {
      map: 'xdp_stats_map',
      mapId: 11,
      schema: schema(summaries.counter),
      changes: [{ key: Uint8Array.from([2, 0, 0, 0]), before: new Uint8Array(64), after }],
    },
  ];
}

function answer(scene, message, tools) {
  const { run, packet, repeat } = message;
  const base = {
    kind: 'result',
    run,
    action: 'XDP_PASS',
    retval: 2,
    durationNs: 38,
    repeat,
    spread: { medianNs: 38, minNs: 36, maxNs: 61, batches: 5 },
    packetChanges: false,
    packetIn: packet,
    packetOut: packet,
    metadataOut: new Uint8Array(),
    ctxOut: {
      data: 0,
      data_end: packet.length,
      data_meta: 0,
      ingress_ifindex: 7,
      rx_queue_index: 0,
      egress_ifindex: 0,
    },
    maps: changedCounters(tools),
    printk: [],
    events: [],
  };
  if (scene === 'packetAttached') return { ...base, repeat: 1, attachedTo: 'veth0' };
  if (scene === 'packetFailed') {
    return {
      kind: 'failed',
      run,
      message: 'The verifier rejected xdp_counter: invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0).',
      fix: 'Compare data + 1 with data_end before reading.',
      log,
    };
  }
  if (scene === 'packetChanged') {
    // The time to live goes down without the checksum; the addresses change places.
    const out = packet.slice();
    out.set(packet.subarray(6, 12), 0);
    out.set(packet.subarray(0, 6), 6);
    out[22] -= 1;
    return {
      ...base,
      action: 'XDP_TX',
      retval: 3,
      packetOut: out,
      packetChanges: true,
      printk: ['ttl now 63', 'sent back'],
      metadataOut: bytesOf('01020304'),
      events: [
        {
          map: 'alerts',
          records: [{ data: bytesOf('0a000042 00350000') }, { data: bytesOf('0a000043 00350000') }],
          lost: 0,
        },
        { map: 'samples', records: [{ cpu: 1, data: packet.subarray(0, 42) }], lost: 3 },
      ],
    };
  }
  if (scene === 'packetPopped') {
    const out = new Uint8Array(packet.length + 4);
    out.set(packet.subarray(0, 12));
    out.set(bytesOf('8100 0064'), 12);
    out.set(packet.subarray(12), 16);
    return {
      ...base,
      action: 'XDP_REDIRECT',
      retval: 4,
      packetOut: out,
      ctxOut: { ...base.ctxOut, egress_ifindex: 1 },
      redirect: 'veth0 (ifindex 7), by ports[2]',
    };
  }
  return base;
}

function live({ run, frames, batch }, tools) {
  return {
    kind: 'liveResult',
    run,
    frames,
    batch: batch ?? 64,
    iface: 'xdplab0',
    durationNs: 401,
    packetsPerSecond: 2493765,
    elapsedMs: 169,
    maps: changedCounters(tools),
  };
}

function sequence({ run }, tools) {
  const udp = bytesOf('ffffffffffff00000000000008004500001c0001000040117cce7f0000017f0000010035003500080172');
  const other = udp.slice();
  other[29] = 66;
  const rows = Array.from({ length: 40 }, (_, index) =>
    index % 5 === 3
      ? { packetIn: other, action: 'XDP_DROP', packetOut: other }
      : index === 10
        ? {
            packetIn: udp.subarray(0, 5),
            problem: 'A packet of 5 bytes cannot be run: the kernel wants a whole Ethernet header',
          }
        : index === 11
          ? { packetIn: udp, action: 'XDP_TX', packetOut: udp.subarray(0, 38) }
          : { packetIn: udp, action: 'XDP_PASS', packetOut: udp },
  );
  return { kind: 'sequence', run, name: 'incident.pcapng', rows, maps: changedCounters(tools) };
}

function reply(scene, message, tools) {
  switch (message.kind) {
    case 'run':
      return answer(scene, message, tools);
    case 'live':
      return live(message, tools);
    case 'runAll':
      return sequence(message, tools);
    case 'record':
      return { kind: 'recorded', run: message.run, file: 'xdp_counter.xdptest.json', test: 'xdp_counter: XDP_PASS' };
  }
}

export function installPacketHost(scene, post) {
  return {
    ready: () =>
      post(scene === 'packetNoProgram' ? { ...programs, programs: [], interfaces: [], attached: [] } : programs),
    receive: (message, tools) => {
      const answered = ['run', 'live', 'runAll', 'record'].includes(message.kind);
      if (!answered) return;
      post({ kind: 'running', run: message.run });
      if (scene !== 'packetRunning') setTimeout(() => post(reply(scene, message, tools)), 120);
    },
  };
}
