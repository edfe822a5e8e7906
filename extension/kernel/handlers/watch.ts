import type { LinkRecord } from '../netlink/rtnetlink.ts';
import type { Context } from './context.ts';

/** A burst of notifications (a veth pair brings a dozen) becomes one event. */
const settleMs = 30;

/** Netlink notifications become `interfaces/changed`, and `attachment/lost` for what ended without our asking. */
export function watchInterfaces(context: Context): { stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  const watch = context.netlink.watch(() => {
    timer ??= setTimeout(() => {
      timer = undefined;
      const links = context.netlink.links();
      if (typeof links !== 'number') reportLost(context, links);
      context.emit('interfaces/changed', {});
    }, settleMs);
  });
  return {
    stop: () => {
      clearTimeout(timer);
      watch?.stop();
    },
  };
}

/** A link that somebody detached by force brings no notification: every look at the interfaces looks for that too. */
export function reportLost(context: Context, links: readonly LinkRecord[]): void {
  for (const { attachment, reason } of context.attachments.lost(links)) {
    if (attachment.directory !== undefined && !('problem' in context.pins)) context.pins.remove(attachment.directory);
    context.guards.cancel(attachment.handle);
    context.attachments.release(attachment.handle);
    context.emit('attachment/lost', { attachment: attachment.handle, iface: attachment.iface, reason });
  }
}
