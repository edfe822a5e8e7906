import { errno } from '../../libbpf/errno.ts';
import type { Libbpf } from '../../libbpf/port.ts';

const BPF_MAP_TYPE_DEVMAP = 14;

/**
 * A device map with one interface of this namespace. The kernel takes the interface out when it goes, with its namespace or
 * without: kernel/bpf/devmap.c, dev_map_notification(). The map holds no reference to it. Answers with an fd that the
 * caller closes, negative where it cannot be had.
 */
export function makeInterfaceMap(libbpf: Libbpf, ifindex: number): number {
  const definition = { type: BPF_MAP_TYPE_DEVMAP, name: 'xdp_vscode_if', keySize: 4, valueSize: 4, maxEntries: 1 };
  const fd = libbpf.createMap({ ...definition, flags: 0 });
  if (fd < 0) return fd;
  const result = libbpf.mapUpdate(fd, new Uint8Array(4), new Uint8Array(Uint32Array.of(ifindex).buffer), 0);
  if (result >= 0) return fd;
  libbpf.close(fd);
  return result;
}

/** Is the interface of the map that is pinned there still what it was? False only on the kernel's word. */
export function knowsInterface(libbpf: Libbpf, pin: string): boolean {
  const fd = libbpf.openPin(pin);
  if (fd < 0) return true;
  const result = libbpf.mapLookup(fd, new Uint8Array(4), new Uint8Array(4));
  libbpf.close(fd);
  return result !== -errno.ENOENT;
}
