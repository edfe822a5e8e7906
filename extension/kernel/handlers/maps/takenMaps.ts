import { XdpError } from '../../../core/errors.ts';
import type { BpfMapInfo, Libbpf } from '../../libbpf/port.ts';

/** Maps that this helper was lent: it holds their file descriptors until they are released. */
export class TakenMaps {
  readonly #libbpf: Libbpf;
  readonly #maps = new Map<number, { fd: number; users: number }>();

  constructor(libbpf: Libbpf) {
    this.#libbpf = libbpf;
  }

  /** Takes ownership of the fd. A map may be taken several times, and is held until it was released as often. */
  add(fd: number): BpfMapInfo {
    const info = this.#libbpf.mapInfo(fd);
    if (typeof info === 'number') {
      this.#libbpf.close(fd);
      throw new XdpError('map-not-found', 'What was lent is not a BPF map', { details: { errno: -info } });
    }
    const known = this.#maps.get(info.id);
    if (known === undefined) this.#maps.set(info.id, { fd, users: 1 });
    else {
      known.users++;
      this.#libbpf.close(fd);
    }
    return info;
  }

  fdOf(id: number): number | undefined {
    return this.#maps.get(id)?.fd;
  }

  all(): number[] {
    return [...this.#maps.values()].map(({ fd }) => fd);
  }

  release(id: number): void {
    const known = this.#maps.get(id);
    if (known === undefined || --known.users > 0) return;
    this.#maps.delete(id);
    this.#libbpf.close(known.fd);
  }

  closeAll(): void {
    for (const { fd } of this.#maps.values()) this.#libbpf.close(fd);
    this.#maps.clear();
  }
}
