import { parseException, type XdpException } from '../../../core/xdpExceptions.ts';
import type { kernelContract } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { parseTrace } from '../../system/tracefs.ts';
import type { TraceStream } from '../../system/traceStream.ts';
import type { Context } from '../context.ts';

type TraceHandlers = Pick<Handlers<typeof kernelContract>, 'trace/follow'>;

const lookMs = 250;
/** Lines of bpf_printk in one event. */
const maxLines = 500;
const dropped = 'drops > 0';
const exceptionEvents = [
  { path: 'xdp/xdp_exception' },
  { path: 'xdp/xdp_redirect_err' },
  { path: 'xdp/xdp_redirect_map_err' },
  { path: 'xdp/xdp_devmap_xmit', filter: dropped },
  { path: 'xdp/xdp_bulk_tx', filter: dropped },
];

/** What programs print, and where their packets got lost, as events until the helper ends. */
export function traceHandlers(context: Context): { handlers: TraceHandlers; stop(): void } {
  let stream: TraceStream | undefined;
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    clearInterval(timer);
    stream?.close();
    stream = undefined;
  };
  const follow = (printk: boolean): { problem?: string } => {
    stop();
    const events = [...exceptionEvents, ...(printk ? [{ path: 'bpf_trace/bpf_trace_printk' }] : [])];
    const opened = context.system.trace(events);
    if ('problem' in opened) return { problem: opened.problem };
    stream = opened;
    timer = setInterval(() => tell(context, opened.read()), lookMs);
    return {};
  };
  return { handlers: { 'trace/follow': ({ printk }) => follow(printk) }, stop };
}

function tell(context: Context, lines: readonly string[]): void {
  if (lines.length === 0) return;
  const texts = parseTrace(lines.join('\n'));
  if (texts.length > 0) {
    context.emit('trace/printk', { lines: texts.slice(0, maxLines), left: Math.max(0, texts.length - maxLines) });
  }
  for (const exception of counted(lines.flatMap((line) => parseException(line) ?? []))) {
    const own = context.attachments
      .all()
      .find(({ programId, ifindex }) =>
        exception.progId === 0 ? ifindex === exception.ifindex : programId === exception.progId,
      );
    if (own === undefined) continue;
    const to = context.netlink.link(exception.toIfindex);
    const toIface = exception.toIfindex === 0 || typeof to === 'number' ? undefined : to.name;
    const { iface, program } = own;
    context.emit('trace/exception', { ...exception, iface, program, ...(toIface === undefined ? {} : { toIface }) });
  }
}

/** A million packets that failed alike are one line. */
function counted(exceptions: readonly XdpException[]): XdpException[] {
  const sums = new Map<string, XdpException>();
  for (const exception of exceptions) {
    const key = JSON.stringify({ ...exception, count: 0 });
    const before = sums.get(key);
    sums.set(key, { ...exception, count: exception.count + (before?.count ?? 0) });
  }
  return [...sums.values()];
}
