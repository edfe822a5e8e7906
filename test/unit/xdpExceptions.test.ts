import { expect, test } from 'vitest';
import { explainException, parseException, type XdpException } from '../../extension/core/xdpExceptions.ts';

/** Lines as trace_pipe of 6.18 (and, for the map error, 5.x) writes them. */
test.for<[string, Partial<XdpException> | undefined, RegExp?]>([
  [
    '  ping-7 [001] ..s.. 1.2: xdp_exception: prog_id=5 action=ABORTED ifindex=3',
    { kind: 'exception', progId: 5, ifindex: 3, action: 'ABORTED', count: 1 },
    /gave up/,
  ],
  [
    '  ping-7 [001] ..s.. 1.2: xdp_exception: prog_id=5 action=TX ifindex=3',
    { action: 'TX' },
    /peer runs no XDP program/,
  ],
  ['  ping-7 [001] ..s.. 1.2: xdp_exception: prog_id=5 action=0x4d ifindex=3', { action: '' }, /no XDP action/],
  [
    '  a-1 [000] ..s.. 1.2: xdp_redirect_err: prog_id=5 action=REDIRECT ifindex=3 to_ifindex=9 err=-100 map_id=0 map_index=0',
    { kind: 'redirect', toIfindex: 9, errno: 100 },
    /ENETDOWN.*is down/,
  ],
  [
    '  a-1 [000] ..s.. 1.2: xdp_redirect_map_err: prog_id=5 action=REDIRECT ifindex=3 to_ifindex=0 err=-999 map_id=2 map_index=1',
    { kind: 'redirect', errno: 999 },
    /failed: errno 999$/,
  ],
  [
    '  a-1 [000] ..s.. 1.2: xdp_devmap_xmit: ndo_xdp_xmit from_ifindex=3 to_ifindex=9 action=REDIRECT sent=0 drops=16 err=-6',
    { kind: 'transmit', ifindex: 3, toIfindex: 9, count: 16, errno: 6 },
    /XDP_REDIRECT: ENXIO/,
  ],
  [
    '  a-1 [000] ..s.. 1.2: xdp_bulk_tx: ifindex=3 action=TX sent=1 drops=2 err=0',
    { kind: 'transmit', count: 2, errno: 0 },
    /by XDP_TX$/,
  ],
  ['  a-1 [000] ..s.. 1.2: bpf_trace_printk: xdp_exception', undefined],
  ['', undefined],
  ['  a b-c-1 [000] ..s.. 1.2: xdp_exception: ', { progId: 0, ifindex: 0, action: '' }],
  [': xdp_exception: prog_id=5 action=TX ifindex=3', undefined],
  [
    '  a-1 [000] ..s.. 1.2: bpf_trace_printk: b-2 [000] ..s.. 1.2: xdp_exception: prog_id=5 action=TX ifindex=3',
    undefined,
  ],
])('%s', ([line, found, text]) => {
  const parsed = parseException(line);
  if (found === undefined || parsed === undefined) expect(parsed).toBe(found);
  else expect(parsed).toMatchObject(found);
  if (text !== undefined && parsed !== undefined) expect(explainException(parsed)).toMatch(text);
});
