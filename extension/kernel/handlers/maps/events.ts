import { XdpError } from '../../../core/errors.ts';
import { mapTypeName } from '../../../core/maps/types.ts';
import type { kernelContract, KernelEvents } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { errno, errnoText } from '../../libbpf/errno.ts';
import type { EventSource } from '../../libbpf/port.ts';
import type { Context } from '../context.ts';
import { openMap } from './mapRefs.ts';
import { unreadable } from './mapTraits.ts';

type EventHandlers = Pick<Handlers<typeof kernelContract>, 'events/follow' | 'events/stop'>;

const lookMs = 100;
/** What one look reads at most, so that a flood leaves the helper answering, and what of it is sent. */
const maxRead = 20_000;
const maxSent = 500;
const maxSentBytes = 1 << 20;

/** Event streams of ring buffers and perf event arrays, until each is stopped or the helper ends. */
export function eventHandlers(context: Context): { handlers: EventHandlers; stop(): void } {
  const streams = new Map<number, { stop(): void }>();
  let last = 0;
  const stop = (stream: number): void => {
    streams.get(stream)?.stop();
    streams.delete(stream);
  };
  return {
    handlers: {
      'events/follow': ({ map, force }) => {
        const stream = ++last;
        streams.set(stream, follow(context, stream, openMap(context, map), force));
        return { stream };
      },
      'events/stop': ({ stream }) => {
        stop(stream);
        return {};
      },
    },
    stop: () => {
      for (const stream of streams.keys()) stop(stream);
    },
  };
}

function follow(context: Context, stream: number, map: ReturnType<typeof openMap>, force: boolean): { stop(): void } {
  try {
    const type = mapTypeName(map.info.type);
    if (type !== 'ringbuf' && type !== 'perf_event_array') {
      throw unreadable(map.info, map.name, 'it is no stream of events: its entries are read');
    }
    if (!map.own && !force) {
      throw new XdpError('map-foreign', `Reading ${map.name} takes its events from whoever else reads them`, {
        fix: 'This helper did not load it. Ask for it all the same only if its owner may miss events.',
      });
    }
    const batch = new Batch();
    const source = context.libbpf.openEvents(type, map.fd, batch);
    if (typeof source === 'number') throw unreadable(map.info, map.name, whyNoEvents(source), -source);
    const timer = setInterval(() => look(context, stream, source, batch), lookMs);
    return {
      stop: () => {
        clearInterval(timer);
        source.close();
        map.close();
      },
    };
  } catch (error) {
    map.close();
    throw error;
  }
}

function whyNoEvents(result: number): string {
  if (result === -errno.EPERM || result === -errno.EACCES) {
    return 'the kernel does not let this helper read it (map flags, or CAP_PERFMON is missing)';
  }
  return errnoText(result);
}

function look(context: Context, stream: number, source: EventSource, batch: Batch): void {
  source.consume(maxRead);
  const { records, lost, left } = batch.takeAll();
  if (records.length === 0 && lost === 0 && left === 0) return;
  context.emit('map/events', { stream, records, lost, left, atNs: context.system.nowNs() });
}

/** What one look brought, up to what a view can show. */
class Batch {
  #records: KernelEvents['map/events']['records'] = [];
  #bytes = 0;
  #lost = 0;
  #left = 0;

  record(data: Uint8Array, cpu: number | undefined): void {
    if (this.#records.length >= maxSent || this.#bytes + data.length > maxSentBytes) {
      this.#left++;
      return;
    }
    this.#bytes += data.length;
    this.#records.push({ data, ...(cpu === undefined ? {} : { cpu }) });
  }

  lost(count: number): void {
    this.#lost += count;
  }

  takeAll(): { records: KernelEvents['map/events']['records']; lost: number; left: number } {
    const taken = { records: this.#records, lost: this.#lost, left: this.#left };
    this.#records = [];
    this.#bytes = 0;
    this.#lost = 0;
    this.#left = 0;
    return taken;
  }
}
