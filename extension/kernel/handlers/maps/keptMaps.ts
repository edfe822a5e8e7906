import type { BpfMapInfo, Libbpf } from '../../libbpf/port.ts';

type Opening = Pick<Libbpf, 'openPin' | 'mapInfo' | 'close'>;

/** As much of the pin directory as is needed to find a map in it. */
export interface Pins {
  maps(): { name: string; path: string }[];
  reach(path: string): string;
  /** When something was last pinned or removed there, in milliseconds since 1970. */
  changedMs(): number;
}

/** Time stamps of files are that coarse: what was pinned so soon after a look may bear the time of that look. */
const unsureMs = 100;

/**
 * Which map is pinned where in the pin directory. A view reads a map twenty times a second: the pins are gone through once for each
 * change of the directory, not at every reading.
 */
export class KeptMaps {
  readonly #libbpf: Opening;
  readonly #pins: Pins;
  readonly #known = new Map<number, { name: string; path: string }>();
  #seenMs: number | undefined;

  constructor(libbpf: Opening, pins: Pins) {
    this.#libbpf = libbpf;
    this.#pins = pins;
  }

  /** The map with this id and its full name: an fd for the caller to close. */
  open(id: number): { fd: number; info: BpfMapInfo; name: string } | undefined {
    this.#look();
    const pinned = this.#known.get(id);
    const opened = pinned === undefined ? undefined : this.#open(pinned.path);
    if (pinned === undefined || opened === undefined) return undefined;
    if (opened.info.id === id) return { ...opened, name: pinned.name };
    // Another one was pinned there, in the time that a time stamp does not tell.
    this.#libbpf.close(opened.fd);
    this.#seenMs = undefined;
    return undefined;
  }

  #look(): void {
    const changedMs = this.#pins.changedMs();
    if (changedMs === this.#seenMs) return;
    this.#known.clear();
    for (const { name, path } of this.#pins.maps()) {
      const opened = this.#open(path);
      if (opened === undefined) continue;
      this.#libbpf.close(opened.fd);
      this.#known.set(opened.info.id, { name, path });
    }
    this.#seenMs = Date.now() - changedMs < unsureMs ? undefined : changedMs;
  }

  #open(path: string): { fd: number; info: BpfMapInfo } | undefined {
    const fd = this.#libbpf.openPin(this.#pins.reach(path));
    if (fd < 0) return undefined;
    const info = this.#libbpf.mapInfo(fd);
    if (typeof info !== 'number') return { fd, info };
    this.#libbpf.close(fd);
    return undefined;
  }
}
