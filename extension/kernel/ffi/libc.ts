import koffi from 'koffi';
import { lazyFunction, type Library, openLibrary } from './library.ts';
import { copyOut } from './memory.ts';

const libc = (): Library => openLibrary(null);

const close = lazyFunction<(fd: number) => number>(libc, 'int close(int fd)');
const exitNow = lazyFunction<(status: number) => void>(libc, 'void _exit(int status)');
const ioctl = lazyFunction<(fd: number, request: number, argument: Uint8Array) => number>(
  libc,
  'int ioctl(int fd, uint64_t request, void *argument)',
);
const schedSetaffinity = lazyFunction<(pid: number, bytes: number, mask: Uint8Array) => number>(
  libc,
  'int sched_setaffinity(int pid, size_t bytes, const void *mask)',
);
const schedGetaffinity = lazyFunction<(pid: number, bytes: number, mask: Uint8Array) => number>(
  libc,
  'int sched_getaffinity(int pid, size_t bytes, void *mask)',
);
const socket = lazyFunction<(family: number, type: number, protocol: number) => number>(
  libc,
  'int socket(int family, int type, int protocol)',
);
const bind = lazyFunction<(fd: number, address: Uint8Array, length: number) => number>(
  libc,
  'int bind(int fd, const void *address, uint32_t length)',
);
const poll = lazyFunction<(entries: Uint8Array, count: number, timeoutMs: number) => number>(
  libc,
  'int poll(void *entries, unsigned long count, int timeout)',
);
const setsockopt = lazyFunction<
  (fd: number, level: number, option: number, value: Uint8Array, length: number) => number
>(libc, 'int setsockopt(int fd, int level, int option, const void *value, uint32_t length)');
const send = lazyFunction<(fd: number, data: Uint8Array, length: number, flags: number) => number>(
  libc,
  'int64_t send(int fd, const void *data, size_t length, int flags)',
);
const recv = lazyFunction<(fd: number, data: Uint8Array, length: number, flags: number) => number>(
  libc,
  'int64_t recv(int fd, void *data, size_t length, int flags)',
);

const syscall = lazyFunction<(number: number, pid: number, flags: number) => number>(
  libc,
  'long syscall(long number, int pid, unsigned int flags)',
);

/** -errno for a libc function that answers -1; `koffi.errno()` is right only directly after the call. */
function negative(result: number): number {
  return result < 0 ? -koffi.errno() : result;
}

export function closeFd(fd: number): void {
  close(fd);
}

/** _exit(2): at once, without waiting for threads that sit in a system call. The kernel closes every fd. */
export function exitProcess(status: number): void {
  exitNow(status);
}

/** By its number, the same on every architecture: glibc has a function for it since 2.36 only. */
const SYS_pidfd_open = 434;

export function openProcess(pid: number): number {
  return negative(Number(syscall(SYS_pidfd_open, pid, 0)));
}

/** include/uapi/linux/pidfd.h */
const PIDFD_THREAD = 0o200;

export function openThread(tid: number): number {
  return negative(Number(syscall(SYS_pidfd_open, tid, PIDFD_THREAD)));
}

const affinityBytes = 1024; // 8192 CPUs, the most a kernel is built for (CONFIG_NR_CPUS)

/** Runs `work` with the calling thread on one CPU, then puts the thread back. -errno when the CPU cannot be had. */
export function onCpu<T>(cpu: number, work: () => T): T | number {
  const before = new Uint8Array(affinityBytes);
  const got = negative(schedGetaffinity(0, affinityBytes, before));
  if (got < 0) return got;
  const only = new Uint8Array(affinityBytes);
  only[cpu >> 3] = 1 << (cpu & 7);
  const set = negative(schedSetaffinity(0, affinityBytes, only));
  if (set < 0) return set;
  try {
    return work();
  } finally {
    schedSetaffinity(0, affinityBytes, before);
  }
}

const nameToIndex = lazyFunction<(name: string) => number>(libc, 'uint32_t if_nametoindex(const char *name)');
const indexToName = lazyFunction<(index: number, name: Uint8Array) => bigint | null>(
  libc,
  'void *if_indextoname(uint32_t index, void *name)',
);

export function interfaceIndex(name: string): number | undefined {
  const index = nameToIndex(name);
  return index === 0 ? undefined : index;
}

export function interfaceName(ifindex: number): string | undefined {
  const name = Buffer.alloc(16); // IF_NAMESIZE
  return indexToName(ifindex, name) === null ? undefined : name.toString('utf8', 0, name.indexOf(0));
}

const SIOCETHTOOL = 0x8946;
const ETHTOOL_GDRVINFO = 3;

/** Driver names by ethtool's oldest request, which needs no privilege. Source: include/uapi/linux/ethtool.h. */
export function ethtoolDriver(iface: string): string | undefined {
  const AF_INET = 2;
  const SOCK_DGRAM = 2;
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) return undefined;
  const info = koffi.alloc('uint8_t', 196) as bigint; // struct ethtool_drvinfo
  try {
    koffi.encode(info, 'uint32_t', ETHTOOL_GDRVINFO);
    const request = Buffer.alloc(40); // struct ifreq: name[16], then a union that holds the pointer
    request.write(iface, 0, 15, 'utf8');
    request.writeBigUInt64LE(koffi.address(info), 16);
    if (ioctl(fd, SIOCETHTOOL, request) < 0) return undefined;
    const name = Buffer.from(copyOut(info + 4n, 32)); // driver, behind cmd
    return name.toString('utf8', 0, name.indexOf(0));
  } finally {
    koffi.free(info);
    close(fd);
  }
}

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;

/** A netlink socket bound to `groups`. Returns its fd, which the caller closes, or -errno. */
export function netlinkSocket(protocol: number, groups: number): number {
  const AF_NETLINK = 16;
  const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
  const fd = negative(socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol));
  if (fd < 0) return fd;
  const one = int32(1);
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, one, 4);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, one, 4);
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, one, 4);
  setsockopt(fd, 1, SO_RCVBUF, int32(1 << 20), 4);
  // Netlink answers within the send; the time-out only keeps a kernel bug from hanging the helper.
  const timeout = Buffer.alloc(16);
  timeout.writeBigInt64LE(5n, 0);
  setsockopt(fd, 1, SO_RCVTIMEO, timeout, 16);
  const address = Buffer.alloc(12); // struct sockaddr_nl
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  const bound = negative(bind(fd, address, 12));
  if (bound < 0) {
    close(fd);
    return bound;
  }
  return fd;
}

/** The caller closes it; -errno when it cannot be had. */
export function openSocket(family: number, type: number, protocol: number): number {
  return negative(socket(family, type, protocol));
}

export function bindSocket(fd: number, address: Uint8Array): number {
  return negative(bind(fd, address, address.length));
}

/** Without waiting: -EAGAIN or -ENOBUFS when there is no room. */
export function sendNow(fd: number, data: Uint8Array): number {
  const MSG_DONTWAIT = 0x40;
  return negative(Number(send(fd, data, data.length, MSG_DONTWAIT)));
}

export function netlinkSend(fd: number, message: Uint8Array): number {
  return negative(Number(send(fd, message, message.length, 0)));
}

/** One datagram into `buffer`: its true length (MSG_TRUNC), or -errno; `wait` false answers -EAGAIN instead of waiting. */
export function netlinkReceive(fd: number, buffer: Uint8Array, wait: boolean): number {
  const MSG_TRUNC = 0x20;
  const MSG_DONTWAIT = 0x40;
  return negative(Number(recv(fd, buffer, buffer.length, MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT))));
}

/** How often to look where the event loop's own poll cannot be had. */
const fallbackPollMs = 500;
const POLLIN = 0x001;
const POLLRDHUP = 0x2000;

/** Calls `listener` whenever `fd` has something to read. `stop` before the fd is closed. */
export function watchReadable(fd: number, listener: () => void): { stop(): void } {
  try {
    const handle = koffi.node.poll(fd, { readable: true }, listener);
    return { stop: () => handle.close() };
  } catch {
    return everySoOften(() => {
      if (isReady(fd, POLLIN)) listener();
    });
  }
}

/** Calls `listener` once when the other end of `fd` has gone, even while nobody reads. */
export function watchDisconnect(fd: number, listener: () => void): void {
  try {
    const handle = koffi.node.poll(fd, { disconnect: true }, () => {
      handle.close();
      listener();
    });
  } catch {
    const timer = everySoOften(() => {
      if (!isReady(fd, POLLRDHUP)) return;
      timer.stop();
      listener();
    });
  }
}

/** koffi's poll stands on the host's libuv, which an editor's own Node need not offer: a timer does as well, later. */
function everySoOften(look: () => void): { stop(): void } {
  const timer = setInterval(look, fallbackPollMs);
  return { stop: () => clearInterval(timer) };
}

/** An error or a hang-up counts too: poll(2) reports them unasked. */
function isReady(fd: number, events: number): boolean {
  const entry = Buffer.alloc(8); // struct pollfd
  entry.writeInt32LE(fd, 0);
  entry.writeInt16LE(events, 4);
  return poll(entry, 1, 0) > 0;
}

function int32(value: number): Uint8Array {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}
