import { bindSocket, closeFd, openSocket, sendNow } from './libc.ts';

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;

/** Sends whole Ethernet frames from one interface; needs CAP_NET_RAW. */
export interface PacketSocket {
  /** Bytes sent, or -errno: -ENOBUFS when the queue is full, -ENETDOWN when the interface is. */
  send(frame: Uint8Array): number;
  close(): void;
}

/** -errno when it cannot be had. Source: packet(7). */
export function packetSocket(ifindex: number): PacketSocket | number {
  // Protocol 0: it receives nothing.
  const fd = openSocket(AF_PACKET, SOCK_RAW_CLOEXEC, 0);
  if (fd < 0) return fd;
  const address = Buffer.alloc(20); // struct sockaddr_ll: family, protocol, ifindex, …
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeInt32LE(ifindex, 4);
  const bound = bindSocket(fd, address);
  if (bound < 0) {
    closeFd(fd);
    return bound;
  }
  return { send: (frame) => sendNow(fd, frame), close: () => closeFd(fd) };
}
