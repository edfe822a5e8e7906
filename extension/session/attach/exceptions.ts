import { explainException } from '../../core/xdpExceptions.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { KernelEvents } from '../../protocol/kernel.ts';

/** Packets that failed alike, since the attachment began. */
export interface ExceptionTotal {
  program: string;
  iface: string;
  /** Where a redirect led, when that is an interface here. */
  toIface: string | undefined;
  /** What happened and why. */
  text: string;
  total: number;
  /** True the first time. */
  first: boolean;
}

/** Counts the exceptions of a helper's attachments by interface and cause. */
export function countExceptions(client: HelperClient, listener: (total: ExceptionTotal) => void): { dispose(): void } {
  const totals = new Map<string, number>();
  return client.on('trace/exception', (event: KernelEvents['trace/exception']) => {
    const { program, iface, toIface, count } = event;
    const text = explainException(event);
    const key = `${iface}\0${toIface ?? ''}\0${text}`;
    const before = totals.get(key) ?? 0;
    totals.set(key, before + count);
    listener({ program, iface, toIface, text, total: before + count, first: before === 0 });
  });
}

/** `xdp_fwd on veth0 to veth9: XDP_REDIRECT failed: ENETDOWN, …: 12 packets so far`. */
export function exceptionLine({ program, iface, toIface, text, total }: ExceptionTotal): string {
  const where = toIface === undefined ? `${program} on ${iface}` : `${program} on ${iface} to ${toIface}`;
  const packets = total === 1 ? '1 packet so far' : `${total} packets so far`;
  return `${where}: ${text}: ${packets}`;
}
