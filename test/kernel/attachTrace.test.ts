import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { countExceptions, exceptionLine, type ExceptionTotal } from '../../extension/session/attach/exceptions.ts';
import { eventually, fixture, fixtureText, helper, type VethLab, vethLab } from '../support/kernelHelper.ts';

let lab: VethLab;
let client: HelperClient;

beforeEach(async () => {
  lab = vethLab();
  client = await helper({ netns: lab.ns });
});
afterEach(async () => {
  await client.dispose();
  lab.remove();
});

/** From the other end of the veth pair. */
function sendFrame(): void {
  const send = `import socket; s=socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("${lab.far}", 0)); s.send(b"\\xff"*12+b"\\x88\\xb5"+bytes(50))`;
  lab.runFar('/usr/bin/python3', '-c', send);
}

/** Attaches one program with this body, and has the other end send it frames. */
async function lose(body: string): Promise<ExceptionTotal[]> {
  const elf = fixtureText(
    'exceptions',
    `SEC("xdp") int lose(struct xdp_md *ctx) { ${body} }\nchar l[] SEC("license") = "GPL";`,
  );
  const { object } = await client.call('object/load', { elf, name: 'exceptions.o' });
  const asked = { object, program: 'lose', ifindex: lab.ifindex, mode: 'native', via: 'link', keep: false } as const;
  await client.call('xdp/attach', asked);
  const totals: ExceptionTotal[] = [];
  countExceptions(client, (total) => totals.push(total));
  expect(await client.call('trace/follow', { printk: true })).toEqual({});
  for (let count = 0; count < 3; count++) {
    sendFrame();
  }
  return totals;
}

test.for<[string, string, RegExp]>([
  ['aborted', 'return XDP_ABORTED;', /^lose on kn\d+: XDP_ABORTED: the program gave up on it/],
  ['no action', 'return 77;', /the program returned a number that is no XDP action/],
  ['no such interface', 'return bpf_redirect(4000, 0);', /XDP_REDIRECT failed: EINVAL, there is no such interface/],
])('%s', async ([, body, line]) => {
  const totals = await lose(body);
  const all = await eventually('all to be counted', () => (totals.at(-1)?.total ?? 0) >= 3 && totals);
  expect(all[0]?.first).toBe(true);
  expect(all.slice(1).some(({ first }) => first)).toBe(false);
  expect(exceptionLine(all.at(-1) as ExceptionTotal)).toMatch(line);
});

test('a redirect to a veth whose peer runs no program, and to one that is down', async () => {
  lab.run('ip', 'link', 'add', 'out0', 'type', 'veth', 'peer', 'name', 'out1');
  const index = (name: string) =>
    (JSON.parse(lab.run('ip', '-j', 'link', 'show', name)) as { ifindex: number }[])[0]?.ifindex;
  const totals = await lose(`return bpf_redirect(${index('out0')}, 0);`);
  const lost = await eventually('the reason', () => totals.find(({ text }) => text.includes('EOPNOTSUPP')));
  expect(exceptionLine(lost)).toMatch(/^lose on \S+ to out0: .*a veth whose peer runs no XDP program/);
  const { object } = await client.call('object/load', { elf: fixture('kernelReplace'), name: 'peer.o' });
  const peer = {
    object,
    program: 'xdp_replaced',
    ifindex: index('out1') ?? 0,
    mode: 'native',
    via: 'link',
    keep: false,
  } as const;
  await client.call('xdp/attach', peer);
  sendFrame();
  const down = await eventually('the other reason', () => totals.find(({ text }) => text.includes('ENETDOWN')));
  expect(down.text).toContain('is down');
});

test('what a program prints comes as lines, and its trace is gone with the helper', async () => {
  const lines: string[] = [];
  client.on('trace/printk', (event) => lines.push(...event.lines));
  await lose('bpf_printk("seen %d\\n", (int)(ctx->data_end - ctx->data)); return XDP_PASS;');
  await eventually('the lines', () => lines.filter((line) => line === 'seen 64').length >= 3);
});
