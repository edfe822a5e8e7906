import { XdpError } from '../../core/errors.ts';
import { execute, type Prefix, requireTool } from './privileged.ts';

export interface Link {
  readonly name: string;
  readonly ifindex: number;
  readonly mac: string;
}

/** iproute2's `ip`. With `namespace`, in that namespace. */
export class Ip {
  /** What starts its commands. */
  readonly prefix: Prefix;
  readonly #file = requireTool('ip', 'iproute2');

  constructor(prefix: Prefix) {
    this.prefix = prefix;
  }

  /** Arguments of `ip netns exec`, for a process that is started in the namespace. */
  inside(namespace: string): string[] {
    return [...this.prefix, this.#file, 'netns', 'exec', namespace];
  }

  /** One `ip` command a line, as one process; the first that fails ends it. */
  async batch(lines: readonly string[], namespace?: string): Promise<void> {
    const where = namespace === undefined ? [] : ['-n', namespace];
    const { status, stderr } = await execute(
      [...this.prefix, this.#file, ...where, '-batch', '-'],
      `${lines.join('\n')}\n`,
    );
    if (status === 0) return;
    const line = Number(/Command failed -:(\d+)/.exec(stderr)?.[1] ?? 1);
    const reason = stderr.replace(/Command failed.*\n?/, '').trim();
    throw new XdpError('environment', `The lab could not be changed: ip ${lines[line - 1]}: ${reason}`, {
      fix: fixOf(reason),
      details: { command: `ip ${[...where, lines[line - 1] ?? ''].join(' ')}`, reason },
    });
  }

  /** Every interface. Entering a namespace needs privilege, looking here does not. */
  async links(namespace?: string): Promise<Link[]> {
    const [where, prefix] = namespace === undefined ? [[], []] : [['-n', namespace], this.prefix];
    const { status, stdout, stderr } = await execute([...prefix, this.#file, ...where, '-j', 'link', 'show']);
    if (status !== 0) throw new XdpError('environment', `The interfaces cannot be listed: ${stderr.trim()}`);
    const links = JSON.parse(stdout) as { ifname: string; ifindex: number; address?: string }[];
    return links.map((link) => ({ name: link.ifname, ifindex: link.ifindex, mac: link.address ?? '' }));
  }

  async link(name: string, namespace?: string): Promise<Link | undefined> {
    return (await this.links(namespace)).find((link) => link.name === name);
  }
}

function fixOf(reason: string): string | undefined {
  if (/Operation not permitted|Permission denied/.test(reason)) {
    return 'In a container, start it with --privileged: a lab makes interfaces and mounts a network namespace.';
  }
  if (/Unknown device type|Operation not supported/.test(reason)) {
    return 'This kernel has no veth interfaces: load the module with `modprobe veth`, or use another kernel.';
  }
  return undefined;
}
