import { execFileSync } from 'node:child_process';

/** A veth pair of one test: `near` here, its peer in a namespace of its own. `remove()` leaves nothing. */
export interface TestNetwork {
  near: string;
  /** Sends exactly `count` UDP packets to a port of the near end. Their length on the wire is 46 bytes. */
  sendUdp(port: number, count: number): void;
  /** The program that the kernel says is attached, by `ip`; undefined when none is. */
  attached(): { id: number; mode: string } | undefined;
  remove(): void;
}

const writeIn = (namespace: string, file: string, text: string): void => {
  execFileSync('ip', ['netns', 'exec', namespace, 'tee', file], { input: text, stdio: ['pipe', 'ignore', 'inherit'] });
};

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

export function createNetwork(name: string): TestNetwork {
  const near = `${name}0`;
  const far = `${name}1`;
  const namespace = `xdp-ui-${name}`;
  ip('netns', 'add', namespace);
  try {
    // The far end sends what it is asked to, and nothing of its own such as router solicitations.
    writeIn(namespace, '/proc/sys/net/ipv6/conf/default/disable_ipv6', '1');
    ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', namespace);
    ip('link', 'set', near, 'up');
    ip('addr', 'add', '10.99.7.1/24', 'dev', near);
    ip('-n', namespace, 'link', 'set', far, 'up');
    ip('-n', namespace, 'addr', 'add', '10.99.7.2/24', 'dev', far);
    // Without its address known, the first packet would ask for it and come late.
    const mac = (JSON.parse(ip('-j', 'link', 'show', near)) as { address: string }[])[0]?.address ?? '';
    ip('-n', namespace, 'neigh', 'replace', '10.99.7.1', 'lladdr', mac, 'dev', far);
  } catch (error) {
    remove();
    throw error;
  }

  function remove(): void {
    try {
      execFileSync('ip', ['link', 'del', near], { stdio: 'ignore' });
    } catch {
      // It goes with the namespace, too.
    }
    ip('netns', 'del', namespace);
  }

  return {
    near,
    remove,
    sendUdp(port, count) {
      const sender = `
        const socket = require('node:dgram').createSocket('udp4');
        let left = ${count};
        const next = () => left-- > 0 ? socket.send(Buffer.alloc(4), ${port}, '10.99.7.1', next) : socket.close();
        next();`;
      execFileSync('ip', ['netns', 'exec', namespace, process.execPath, '-e', sender]);
    },
    attached() {
      const [link] = JSON.parse(ip('-j', '-d', 'link', 'show', near)) as [
        { xdp?: { mode: number; prog?: { id: number }; attached?: { mode: number; prog: { id: number } }[] } },
      ];
      const mode = ['none', 'native', 'generic', 'offload'][link.xdp?.mode ?? 0];
      const id = link.xdp?.prog?.id ?? link.xdp?.attached?.[0]?.prog.id;
      return mode === undefined || mode === 'none' || id === undefined ? undefined : { id, mode };
    },
  };
}

interface DumpedEntry {
  formatted: { key: number; values: { cpu: number; value: { rx_packets: number; rx_bytes: number } }[] };
}

/** `rx_packets` summed over the CPUs, by key, as bpftool reads the map that a program uses. */
export function packetsByKey(programId: number): Map<number, number> {
  const bpftool = (...args: string[]): unknown =>
    JSON.parse(execFileSync('bpftool', ['-j', ...args], { encoding: 'utf8' }));
  const { map_ids: ids } = bpftool('prog', 'show', 'id', String(programId)) as { map_ids: number[] };
  const entries = ids
    .map((id) => bpftool('map', 'show', 'id', String(id)) as { id: number; type: string })
    .filter(({ type }) => type === 'percpu_array')
    .flatMap(({ id }) => bpftool('map', 'dump', 'id', String(id)) as DumpedEntry[]);
  return new Map(
    entries.map(({ formatted }) => [
      formatted.key,
      formatted.values.reduce((sum, { value }) => sum + value.rx_packets, 0),
    ]),
  );
}
