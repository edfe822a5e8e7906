import { errnoMeanings } from './xdpErrnos.ts';

/** A packet that did not go where its program sent it, as one of the kernel's xdp tracepoints tells. */
export interface XdpException {
  /** `exception`: the driver could not do what was asked; `redirect`: no such way; `transmit`: the other end dropped it. */
  kind: 'exception' | 'redirect' | 'transmit';
  /** 0 where the tracepoint does not tell. */
  progId: number;
  ifindex: number;
  /** Without `XDP_`, as the kernel prints it; '' for a number that is no action. */
  action: string;
  /** Positive, 0 when none was given. */
  errno: number;
  toIfindex: number;
  /** Packets. */
  count: number;
}

/** `task-pid [cpu] flags time: event: fields`; a task's name has 15 characters. What a program prints may look like an event of its own. */
const traced =
  /^\s*.{1,15}-\d+\s+(?:\(.{7}\)\s+)?\[\d{3,}\] \S+\s+[\d.]+: (xdp_exception|xdp_redirect_err|xdp_redirect_map_err|xdp_devmap_xmit|xdp_bulk_tx): (.*)$/;

/** One line of a trace of the events above; undefined for anything else. Source: include/trace/events/xdp.h. */
export function parseException(line: string): XdpException | undefined {
  const match = traced.exec(line);
  if (match === null) return undefined;
  const fields = new Map([...(match[2] ?? '').matchAll(/(\w+)=(\S*)/g)].map(([, name, value]) => [name, value ?? '']));
  const number = (name: string): number => Math.abs(Number.parseInt(fields.get(name) ?? '0', 10)) || 0;
  const action = fields.get('action') ?? '';
  const about = {
    progId: number('prog_id'),
    action: /^[A-Z]+$/.test(action) ? action : '',
    errno: number('err'),
    toIfindex: number('to_ifindex'),
  };
  switch (match[1]) {
    case 'xdp_exception':
      return { ...about, kind: 'exception', ifindex: number('ifindex'), count: 1 };
    case 'xdp_devmap_xmit':
      return { ...about, kind: 'transmit', ifindex: number('from_ifindex'), count: number('drops') };
    case 'xdp_bulk_tx':
      return { ...about, kind: 'transmit', ifindex: number('ifindex'), count: number('drops') };
    default:
      return { ...about, kind: 'redirect', ifindex: number('ifindex'), count: 1 };
  }
}

/** What happened and why, in words: `XDP_REDIRECT failed: ENETDOWN, the interface that it goes to is down`. */
export function explainException({ kind, action, errno }: XdpException): string {
  const [name, meaning] = errnoMeanings.get(errno) ?? [];
  const sender = `XDP_${action === '' ? 'TX or XDP_REDIRECT' : action}`;
  switch (kind) {
    case 'redirect':
      if (errno === 0) return 'XDP_REDIRECT failed';
      return name === undefined ? `XDP_REDIRECT failed: errno ${errno}` : `XDP_REDIRECT failed: ${name}, ${meaning}`;
    case 'transmit':
      if (errno === 0) return `dropped while being sent by ${sender}`;
      return name === undefined
        ? `dropped while being sent by ${sender}: errno ${errno}`
        : `dropped while being sent by ${sender}: ${name}, ${meaning}`;
    case 'exception':
      if (action === 'ABORTED') return 'XDP_ABORTED: the program gave up on it, or a tail call or helper of it failed';
      if (action === 'TX')
        return 'XDP_TX failed: the driver could not send it back (its ring is full; a veth whose peer runs no XDP program)';
      if (action === 'REDIRECT') return 'XDP_REDIRECT failed in the driver; the redirect error beside it says why';
      return 'the program returned a number that is no XDP action: the packet is dropped';
  }
}
