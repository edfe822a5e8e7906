import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject } from '../../extension/protocol/kernel.ts';
import { fixture, type VethLab } from './kernelHelper.ts';

/** Frames of an EtherType of their own, some thousand a second, until stdin ends; prints how many the kernel took. */
const sender = `
import select, socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0x88b5))
frame = bytes([0xff] * 6 + [2, 0, 0, 0, 0, 9]) + b"\\x88\\xb5" + bytes(50)
sent = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(8):
        s.send(frame)
        sent += 1
    time.sleep(0.001)
print(sent)
`;

export interface ReplaceOutcome {
  replacements: number;
  /** Frames that left the other end of the veth pair. */
  sent: number;
  /** What the programs counted in the map that all of them shared. */
  counted: number;
}

/** Replaces the program on `lab.near` again and again under traffic; in the end every frame met one program. */
export async function replaceUnderTraffic(
  client: HelperClient,
  lab: VethLab,
  options: { replacements: number; mode?: 'native' | 'generic'; via?: 'link' | 'netlink' },
): Promise<ReplaceOutcome> {
  const { replacements, mode = 'native', via = 'link' } = options;
  const builds = [0, 1].map((build) => fixture('kernelReplace', [`-DBUILD=${build}`]));
  const load = (index: number, reuseMaps?: Record<string, { id: number }>): Promise<LoadedObject> =>
    client.call('object/load', {
      elf: builds[index % 2] ?? new Uint8Array(),
      name: 'kernelReplace.o',
      ...(reuseMaps === undefined ? {} : { reuseMaps }),
    });
  let loaded = await load(0);
  const map = { id: loaded.maps.find(({ name }) => name === 'seen')?.id ?? 0 };
  const program = 'xdp_replaced';
  const { object } = loaded;
  const { attachment } = await client.call('xdp/attach', {
    object,
    program,
    ifindex: lab.ifindex,
    mode,
    via,
    keep: false,
  });
  const traffic = spawn('ip', ['netns', 'exec', lab.farNs, '/usr/bin/python3', '-c', sender, lab.far], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  traffic.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const counted = async (): Promise<number> => {
    const { values } = await client.call('map/read', { map, limit: 1 });
    const slots = new BigUint64Array(new Uint8Array(values).buffer);
    return slots.reduce((sum, slot) => sum + Number(slot), 0);
  };
  try {
    while ((await counted()) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    for (let index = 1; index <= replacements; index++) {
      const next = await load(index, { seen: map });
      await client.call('xdp/replace', { attachment, object: next.object, program });
      await client.call('object/close', { object: loaded.object });
      loaded = next;
    }
  } finally {
    traffic.stdin.end('\n');
    await once(traffic, 'close');
  }
  const sent = Number(output);
  // The last frames may still be in the receive queue.
  for (let wait = 0; wait < 100 && (await counted()) < sent; wait++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  const outcome = { replacements, sent, counted: await counted() };
  await client.call('xdp/detach', { attachment });
  await client.call('object/close', { object: loaded.object });
  return outcome;
}
