import { closeSync, openSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';

/** What hands type that know other tools, and what slips of the fingers make of it: refused, with what it is called here. */
let cli: CliBundle;
beforeAll(async () => {
  cli = await bundleCli('habits');
});
afterAll(() => cli?.remove());

test.each([
  ['load prog.o', 'Did you mean attach?'],
  ['unload --dev eth0', 'Did you mean detach?'],
  ['status', 'Did you mean interfaces?'],
  ['verfy prog.o', 'Did you mean verify?'],
  ['constructor', 'Verbs: compile'],
  ['attach eth0 prog.o', 'One of them belongs behind --iface.'],
  ['attach dev eth0 xdp obj prog.o sec xdp', 'One of them belongs behind --iface.'],
  ['attach prog.o --iface eth0 more.o', 'Usage: xdp attach'],
  ['attach prog.o --dev eth0', 'Did you mean --iface?'],
  ['attach prog.o --iface eth0 --section xdp', 'Did you mean --prog?'],
  ['attach prog.o --iface eth0 --pin-path /sys/fs/bpf/x', 'Did you mean --keep?'],
  ['attach prog.o --ifcae eth0', 'Did you mean --iface?'],
  ['attach prog.o --iface eth0 -m skb', 'Did you mean --mode?'],
  ['attach prog.o --iface eth0 --mode skb', 'Did you mean generic?'],
  ['attach prog.o --iface eth0 --mode xdpdrv', 'Did you mean native?'],
  ['attach prog.o --iface eth0 --mode hw', 'Did you mean offload?'],
  ['attach prog.o --iface eth0 --mode constructor', 'It is one of: auto, native, generic, offload.'],
  ['attach prog.o --iface eth0 --guard -1', 'One that begins with - is written --guard=VALUE.'],
  ['attach prog.o --iface', 'Usage: xdp attach'],
  ['detach eth0', 'One of them belongs behind --iface.'],
  ['run prog.o Ether()', 'One of them belongs behind --packet.'],
  ['run prog.o -p Ether()', 'Did you mean --packet?'],
  ['map lookup stats 0', 'Did you mean get?'],
  ['map dump name stats', 'Usage: xdp map (ID|NAME|PIN)'],
])('xdp %s', (line, hint) => {
  const { status, json } = cli.run(line.split(' '));
  expect({ status, json }).toMatchObject({
    status: 2,
    json: { ok: false, error: { code: 'usage', fix: expect.stringContaining(hint) } },
  });
});

test('an output that is full is said, whatever is written', () => {
  const full = openSync('/dev/full', 'w');
  try {
    for (const args of [['--help'], ['--version'], ['packet', 'Ether()']]) {
      const { status, stderr } = spawnSync(process.execPath, [cli.file, ...args], {
        encoding: 'utf8',
        stdio: ['ignore', full, 'pipe'],
      });
      expect({ args, status, stderr }).toEqual({
        args,
        status: 2,
        stderr: 'xdp: The output could not be written: ENOSPC.\n',
      });
    }
  } finally {
    closeSync(full);
  }
});

test('xdp VERB --help has a line for each option of its synopsis, and for no other', () => {
  const { verbs } = cli.run(['--help']).json as { verbs: { verb: string; usage: string }[] };
  expect(verbs.length).toBeGreaterThan(15);
  for (const { verb, usage } of verbs) {
    const wanted = (usage.match(/(?<![\w-])--?[a-z][\w-]*/g) ?? []).filter((option) => option !== '--json');
    const { options } = cli.run([verb, '--help']).json as { options: Record<string, string> };
    expect(Object.keys(options).sort(), verb).toEqual([...new Set(wanted)].sort());
  }
  expect(cli.text(['attach', '--help'])).toMatch(/^ {2}--keep {8}pin it and return/m);
});
