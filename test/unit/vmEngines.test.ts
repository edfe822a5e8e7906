import { expect, test } from 'vitest';
import { linkObject } from '../../extension/core/vm/link/linkObject.ts';
import { linkOptions, Machine } from '../../extension/core/vm/machine.ts';
import { runBytecode } from '../../extension/core/vm/rawProgram.ts';
import { bpfPrelude, compileBpf } from '../support/bpfFixture.ts';
import { assemble } from '../support/vmAssembler.ts';

/** What goes wrong, and how an engine says it: both must say the same, at the same instruction. */
function faultOf(engine: 'interpreter' | 'wasm', bytes: Uint8Array, fuel: number): string {
  try {
    return `r0 ${runBytecode(bytes, new Uint8Array(8), fuel, engine)}`;
  } catch (error) {
    // Addresses differ: an engine has things of its own in memory.
    return String(error).replace(/0x[0-9a-f]+/g, 'somewhere');
  }
}

test.each([
  ['a read beyond the memory', 'ldxdw r0, [r1+4]\nexit'],
  ['a read before it', 'ldxb r0, [r1-1]\nexit'],
  ['a pointer moved into another region', 'mov r2, r1\nadd r2, 4096\nldxb r0, [r2+0]\nexit'],
  ['a null pointer', 'mov r1, 0\nstxb [r1+8], r1\nexit'],
  ['a pointer that lost its region', 'mov32 r1, r1\nldxb r0, [r1+7]\nexit'],
  ['a pointer that lost its region, and its place', 'mov32 r1, r1\nadd r1, 0x7ffffff0\nldxb r0, [r1+100]\nexit'],
  ['an end of the stack', 'mov r0, 1\nstxdw [r10-512], r0\nldxdw r0, [r10-512]\nexit'],
  ['beyond the stack', 'mov r0, 1\nstxdw [r10-513], r0\nexit'],
  ['above the stack', 'ldxdw r0, [r10-4]\nexit'],
  ['atomics beyond the memory', 'mov r0, 1\nlock add dw [r1+8], r0\nexit'],
  ['a region number that does not exist', 'lddw r1, 0x7fffffff00000010\nldxb r0, [r1+0]\nexit'],
  ['a jump by a table', 'code r1, 4\ngotox r1\nmov r0, 1\nexit\nmov r0, 2\nexit'],
  ['a jump to what no table holds', 'code r1, 4\nadd r1, 1\ngotox r1\nmov r0, 1\nexit\nmov r0, 2\nexit'],
  ['an endless loop', 'mov r0, 0\nadd r0, 1\nja -2\nexit'],
  ['calls without end', 'call local -1\nexit'],
])('both engines end in the same way: %s', (_, source) => {
  const bytes = assemble(source);
  expect(faultOf('wasm', bytes, 10_000)).toBe(faultOf('interpreter', bytes, 10_000));
});

test('maps that grow the memory while a compiled program runs', () => {
  const elf = compileBpf(`${bpfPrelude}
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4000); __type(key, __u32); __type(value, __u8[512]); } big SEC(".maps");
SEC("xdp") int fill(struct xdp_md *ctx) {
  static __u8 value[512];
  for (__u32 key = 0; key < 3000; key++) {
    bpf_map_update_elem(&big, &key, value, 0);
    __u8 *found = bpf_map_lookup_elem(&big, &key);
    if (!found) return 0;
    found[511] = key;
  }
  return 2;
}
char _license[] SEC("license") = "GPL";`);
  const linked = linkObject(elf, linkOptions({}));
  const request = { program: 'fill', packet: new Uint8Array(64) };
  const runs = (['interpreter', 'wasm'] as const).map((engine) => {
    const machine = new Machine(linked, { engine });
    const run = machine.runXdp(request);
    return { run, page: machine.map('big')?.read() };
  });
  const [own, compiled] = runs;
  expect(own?.run.retval).toBe(2);
  expect(compiled?.run).toEqual(own?.run);
  for (const part of ['keys', 'values'] as const) {
    expect(Buffer.from(compiled?.page?.[part] ?? []).equals(own?.page?.[part] ?? new Uint8Array(1)), part).toBe(true);
  }
});

test('blocks are counted, over all runs', () => {
  const elf = compileBpf(`${bpfPrelude}
SEC("xdp") int count(struct xdp_md *ctx) {
  volatile int sum = 0;
  for (volatile int i = 0; i < 5; i++) sum += i;
  return sum == 10 ? 2 : 1;
}
char _license[] SEC("license") = "GPL";`);
  const machine = new Machine(linkObject(elf, linkOptions({})), { engine: 'wasm', coverage: true });
  const request = { program: 'count', packet: new Uint8Array(64) };
  let executed = 0;
  for (let run = 0; run < 3; run++) executed += machine.runXdp(request).insnsExecuted;
  const blocks = machine.blockCounts('count');
  expect(blocks.find(({ taken }) => taken > 0 && taken < 15)).toBeDefined();
  expect(blocks.reduce((sum, { count, insns }) => sum + count * insns, 0)).toBe(executed);
  expect(Math.max(...blocks.map(({ count }) => count))).toBeGreaterThanOrEqual(15);
});

test('a program that is too long to be compiled runs, and is counted', () => {
  const elf = compileBpf(`${bpfPrelude}
SEC("xdp") __attribute__((naked)) int long_one(struct xdp_md *ctx) {
  asm volatile("r0 = 0; .rept 6000; r0 += 1; if r0 > 9000 goto +1; r0 += 3; .endr; r0 = 2; exit;");
}
char _license[] SEC("license") = "GPL";`);
  const linked = linkObject(elf, linkOptions({}));
  const request = { program: 'long_one', packet: new Uint8Array(64) };
  const own = new Machine(linked, { engine: 'interpreter' }).runXdp(request);
  expect(own.retval).toBe(2);
  const machine = new Machine(linked, { engine: 'wasm', coverage: true });
  for (let run = 0; run < 2; run++) expect(machine.runXdp(request)).toEqual(own);
  const blocks = machine.blockCounts('long_one');
  expect(blocks.reduce((sum, { count, insns }) => sum + count * insns, 0)).toBe(2 * own.insnsExecuted);
  // Four more each time until it is above 9000, then one more each time.
  expect(blocks.reduce((sum, { taken }) => sum + taken, 0)).toBe(2 * (6000 - 2250));
});

test.each([
  ['a helper calls back', 'bpf_loop(8000000, step, &sum, 0);'],
  ['helpers call back in callbacks', 'bpf_loop(8000000, outer, &sum, 0);'],
])('a program is stopped when its time is up: %s', (_, call) => {
  const elf = compileBpf(`${bpfPrelude}
static long step(__u32 index, __u64 *sum) { *sum += index; return 0; }
static long outer(__u32 index, __u64 *sum) { bpf_loop(1000, step, sum, 0); return 0; }
SEC("xdp") int forever(struct xdp_md *ctx) {
  __u64 sum = 0;
  ${call}
  return sum & 1 ? XDP_PASS : XDP_DROP;
}
char _license[] SEC("license") = "GPL";`);
  const linked = linkObject(elf, linkOptions({}));
  for (const engine of ['interpreter', 'wasm'] as const) {
    const machine = new Machine(linked, { engine, fuel: 20_000 });
    const { fault, insnsExecuted } = machine.runXdp({ program: 'forever', packet: new Uint8Array(64) });
    expect(fault).toMatchObject({ reason: 'fuel', message: 'the program did not end after 20000 instructions' });
    expect(insnsExecuted).toBeLessThan(21_000);
  }
});
