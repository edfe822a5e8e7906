import { expect, test } from 'vitest';
import { createMachine } from '../../extension/core/vm/machine.ts';
import { fixtureText, helper } from '../support/kernelHelper.ts';
import { Random } from '../support/packetGenerate.ts';
import { loadPair } from '../support/vmKernel.ts';

/** Not here: what shows the kernel's own addresses. */
const formats = (
  '%d %u %x %X %i %ld %lu %lx %lX %lld %llu %llx %llX %5d %-5d| %05d %+d %+5d %-05d| %08x %016llx %020lld %+u %+x %1d ' +
  '%-+5d| %0+5d %+05d %c%c %5c| %-5c| %ca %dx %% %3u%% plain %s %10s| %-10s| %3s| %02s| %s. %pks %pks! %pus %pI4 %pi4 %pI6 %pi6 ' +
  '%pI45 %20pI4| %-20pI4| %-5pi6| %d%d%d%d%d%d%d%d%d%d%d%d %d%d%d%d%d%d%d%d%d%d%d%d%d'
).split(' ');
const refused = '%o %h %hd %zd %lc %#x %.3d %p4 %sx a%s1 %pksx %pI %5 % %l'.split(' ');

const words = 104;
const packetBytes = words + 16;
/** A value for each conversion: a number of the packet, or the address of the text behind the numbers. */
function print(format: string, index: number): string {
  const conversions = format.replaceAll('%%', '').match(/%[-+0# ]*\d*(?:p|s)?/g) ?? [];
  const values = conversions.map((text, at) =>
    /[ps]$/.test(text) ? `v[${at}] = (long)text;` : `v[${at}] = *(__u64 *)(data + ${8 * (at % 12)});`,
  );
  return `{
    static const char format[] = "${format}";
    ${values.join(' ')}
    key = ${index};
    out = bpf_map_lookup_elem(&texts, &key);
    if (out) { result = bpf_snprintf(out, 64, format, v, ${8 * conversions.length}); bpf_map_update_elem(&results, &key, &result, 0); }
  }`;
}

const programOf = (all: readonly string[]): Uint8Array =>
  fixtureText(
    'formats',
    `
typedef char row[64];
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 64); __type(key, __u32); __type(value, row); } texts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 64); __type(key, __u32); __type(value, __s64); } results SEC(".maps");
SEC("xdp") int prints(struct xdp_md *ctx) {
  unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  char text[16], *out;
  __u64 v[13];
  __u32 key;
  long result;
  if (data + ${packetBytes} > end) return XDP_ABORTED;
  __builtin_memcpy(text, data + ${words}, 16);
  text[15] = 0;
  ${all.map(print).join('\n')}
  return XDP_PASS;
}
char _license[] SEC("license") = "GPL";`,
  );

const edges = [0n, 1n, -1n, 255n, -(2n ** 63n), 2n ** 31n, -(2n ** 31n), 65n];

test('what bpf_snprintf writes, byte for byte, whatever the bytes are', async () => {
  const client = await helper();
  const random = new Random(47);
  try {
    const pair = await loadPair(client, programOf(formats));
    for (let round = 0; round < 40; round++) {
      const packet = random.bytes(packetBytes);
      const view = new DataView(packet.buffer);
      for (let at = 0; at < words; at += 8) if (random.chance(0.6)) view.setBigInt64(at, random.pick(edges), true);
      expect(await pair.run({ program: 'prints', packet })).toEqual([]);
      expect(await pair.maps()).toEqual([]);
      expect(pair.machine.runXdp({ program: 'prints', packet }).retval).toBe(2);
    }
    await pair.close();
  } finally {
    await client.dispose();
  }
});

test('formats that the verifier refuses are refused when they run', async () => {
  const client = await helper();
  try {
    for (const format of refused) {
      const elf = programOf([format]);
      await expect(client.call('object/load', { elf, name: 'format.o' }), format).rejects.toMatchObject({
        code: 'program-rejected',
      });
      const machine = createMachine(elf);
      machine.runXdp({ program: 'prints', packet: new Uint8Array(packetBytes).fill(7) });
      const { values } = machine.map('results')?.read() ?? { values: new Uint8Array(8) };
      expect([format, new DataView(values.buffer).getBigInt64(values.byteOffset, true)]).toEqual([format, -22n]);
    }
  } finally {
    await client.dispose();
  }
});

test('the lines that bpf_printk leaves', async () => {
  const client = await helper();
  const texts = ['one\\n', 'two\\nlines\\n', '\\nlate', 'gap\\n\\nend', '', 'tab\\there', 'no end', '100%%'];
  const source = `SEC("xdp") int says(struct xdp_md *ctx) {
  ${texts.map((text) => `bpf_printk("${text}");`).join('\n  ')}
  bpf_printk("%d %x %s\\n", 1, 255, "word");
  bpf_printk("%d %d %d %d\\n", 1, 2, 3, 4);
  return XDP_PASS;
}
char _license[] SEC("license") = "GPL";`;
  try {
    const elf = fixtureText('printk', source);
    const { object } = await client.call('object/load', { elf, name: 'printk.o' });
    const packet = new Uint8Array(64);
    const run = { object, program: 'says', data: packet, repeat: 1, cpu: 0, capturePrintk: true };
    const kernel = await client.call('program/testRun', run);
    expect(kernel.printkProblem).toBeUndefined();
    expect(kernel.printk).toContain('lines');
    expect(createMachine(elf).runXdp({ program: 'says', packet }).printk).toEqual(kernel.printk);
  } finally {
    await client.dispose();
  }
});
