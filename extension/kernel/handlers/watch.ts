import type { kernelContract } from '../../protocol/kernel.ts';
import type { Handlers } from '../../protocol/rpc.ts';
import { errno, errnoText } from '../libbpf/errno.ts';
import type { LinkRecord } from '../netlink/rtnetlink.ts';
import { removePins } from './attach/keeping.ts';
import type { Context } from './context.ts';
import { inNetns } from './netns.ts';

type WatchHandlers = Pick<Handlers<typeof kernelContract>, 'interfaces/watch'>;

/** A burst of notifications (a veth pair brings a dozen) becomes one event. */
const settleMs = 30;

/** How often to look for what brings no notification: a link that somebody ended, or gave another program. */
const lookMs = 1000;

/** The kernel notifies nobody of a program that a link attaches in generic mode: what is there is compared so often. */
const compareMs = 1000;

/**
 * Netlink notifications become `interfaces/changed`, and `attachment/lost` for what ended without our asking. Namespaces
 * other than its own are watched from when they are asked for until they are not any more: a socket in one keeps it alive.
 */
export function watchInterfaces(context: Context): { handlers: WatchHandlers; stop(): void } {
  const look = (): void => {
    const links = context.netlink.links();
    if (typeof links !== 'number') reportLost(context, links);
    context.emit('interfaces/changed', {});
  };
  const own = watchOne(context, look);
  const looking = setInterval(() => context.attachments.changedBehindUs() && look(), lookMs);
  looking.unref();
  const others = new Map<string, { stop(): void }>();
  const comparison = new Comparison(context, () => others.keys());
  const watch = (netns: string): { netns: string; problem: string } | undefined => {
    const opened = inNetns(context, netns, () =>
      watchOne(context, () => context.emit('interfaces/changed', { netns })),
    );
    if (typeof opened === 'number' || opened === undefined) {
      return { netns, problem: errnoText(opened ?? -errno.EMFILE) };
    }
    others.set(netns, opened);
    return undefined;
  };
  return {
    handlers: {
      'interfaces/watch': ({ netns: wanted }) => {
        for (const [netns, each] of others) {
          if (wanted.includes(netns)) continue;
          each.stop();
          others.delete(netns);
        }
        const problems = wanted.filter((netns) => !others.has(netns)).flatMap((netns) => watch(netns) ?? []);
        // From here on, what is attached anywhere is compared with what is there now.
        comparison.start();
        return { problems };
      },
    },
    stop: () => {
      clearInterval(looking);
      own?.stop();
      comparison.stop();
      for (const each of others.values()) each.stop();
    },
  };
}

/** Which programs are attached where, compared while somebody looks. */
class Comparison {
  readonly #context: Context;
  readonly #others: () => Iterable<string>;
  readonly #before = new Map<string | undefined, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(context: Context, others: () => Iterable<string>) {
    this.#context = context;
    this.#others = others;
  }

  start(): void {
    this.#compare();
    this.#timer ??= setInterval(() => this.#compare(), compareMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #compare(): void {
    const { netlink } = this.#context;
    this.#look(netlink.links(), undefined, () => this.#context.emit('interfaces/changed', {}));
    for (const netns of this.#others()) {
      const links = inNetns(this.#context, netns, () => netlink.links());
      this.#look(links, netns, () => this.#context.emit('interfaces/changed', { netns }));
    }
  }

  #look(links: readonly LinkRecord[] | number, netns: string | undefined, changed: () => void): void {
    if (typeof links === 'number') return;
    const now = JSON.stringify(links.map(({ ifindex, xdp }) => [ifindex, xdp]));
    const before = this.#before.get(netns);
    this.#before.set(netns, now);
    if (before !== undefined && before !== now) changed();
  }
}

function watchOne(context: Context, changed: () => void): { stop(): void } | undefined {
  let timer: NodeJS.Timeout | undefined;
  const watch = context.netlink.watch(() => {
    timer ??= setTimeout(() => {
      timer = undefined;
      changed();
    }, settleMs);
  });
  return (
    watch && {
      stop: () => {
        clearTimeout(timer);
        watch.stop();
      },
    }
  );
}

export function reportLost(context: Context, links: readonly LinkRecord[]): void {
  for (const { attachment, reason, lives } of context.attachments.lost(links)) {
    if (!lives) removePins(context, attachment);
    context.guards.cancel(attachment.handle);
    context.attachments.release(attachment.handle);
    context.emit('attachment/lost', { attachment: attachment.handle, iface: attachment.iface, reason });
  }
}
