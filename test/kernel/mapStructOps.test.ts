import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { decodeEntries } from '../../extension/core/maps/entries.ts';
import { openMap, readMap } from '../../extension/session/maps/maps.ts';
import { bpftool, command, helper } from '../support/kernelHelper.ts';

test("a table of the kernel's operations is read by the kernel's own types", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'xdp-struct-ops-'));
  const name = `x${process.pid}`;
  const source = path.join(folder, 'ops.bpf.c');
  writeFileSync(
    path.join(folder, 'vmlinux.h'),
    command('bpftool', ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux', 'format', 'c']),
  );
  writeFileSync(
    source,
    `#include "vmlinux.h"
     #include <bpf/bpf_helpers.h>
     #include <bpf/bpf_tracing.h>
     char _license[] SEC("license") = "GPL";
     SEC("struct_ops/ssthresh") __u32 BPF_PROG(ssthresh, struct sock *sk) { return 2; }
     SEC("struct_ops/undo") __u32 BPF_PROG(undo, struct sock *sk) { return 2; }
     SEC("struct_ops/avoid") void BPF_PROG(avoid, struct sock *sk, __u32 ack, __u32 acked) {}
     SEC(".struct_ops") struct tcp_congestion_ops ${name} = {
       .ssthresh = (void *)ssthresh, .undo_cwnd = (void *)undo, .cong_avoid = (void *)avoid, .name = "${name}" };`,
  );
  const object = path.join(folder, 'ops.o');
  execFileSync('clang', [
    '-g',
    '-O2',
    '-target',
    'bpf',
    '-D__TARGET_ARCH_x86',
    `-I${folder}`,
    '-c',
    source,
    '-o',
    object,
  ]);
  command('bpftool', ['struct_ops', 'register', object]);
  const registered = bpftool('struct_ops', 'list') as { id: number; name: string }[];
  const id = registered.find((each) => each.name === name)?.id ?? 0;
  const system = await helper({ profile: 'system' });
  try {
    const map = await openMap(system, { id });
    const [entry] = decodeEntries(map.schema, await readMap(system, map.ref, { maxEntries: 10 }));
    const programs = bpftool('prog', 'list') as { id: number; name: string }[];
    const idOf = (program: string): string => {
      const ids = programs.filter((each) => each.name === program).map((each) => each.id);
      return `0x${Math.max(...ids).toString(16)}`;
    };
    expect(entry?.key).toBe(0);
    expect(entry?.value).toMatchObject({
      data: { name, ssthresh: idOf('ssthresh'), undo_cwnd: idOf('undo'), cong_avoid: idOf('avoid'), init: '0x0' },
    });
  } finally {
    await system.dispose();
    command('bpftool', ['struct_ops', 'unregister', 'id', String(id)]);
    rmSync(folder, { recursive: true, force: true });
  }
});
