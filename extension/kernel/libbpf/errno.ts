/** The errno values that the kernel's BPF, XDP and netlink paths answer with. Source: asm-generic/errno*.h, linux/errno.h. */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EMFILE: 24,
  ENOSPC: 28,
  EROFS: 30,
  ERANGE: 34,
  ENOSYS: 38,
  EOPNOTSUPP: 95,
  ENOLINK: 67,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
  /** Kernel-internal, but bpf(2) lets it out: a map operation that the type lacks. */
  ENOTSUPP: 524,
} as const;

const words: Readonly<Record<number, string>> = {
  1: 'operation not permitted',
  2: 'no such entry',
  4: 'interrupted',
  5: 'input/output error',
  7: 'argument list or program too big',
  9: 'bad file descriptor',
  11: 'temporarily unavailable',
  12: 'out of memory',
  13: 'permission denied',
  14: 'bad address',
  16: 'device or resource busy',
  17: 'already exists',
  19: 'no such device',
  22: 'invalid argument',
  24: 'too many open files',
  28: 'no space left',
  30: 'read-only file system',
  34: 'out of range',
  38: 'not implemented by this kernel',
  95: 'operation not supported',
  105: 'no buffer space',
  110: 'timed out',
  524: 'operation not supported',
};

const names = new Map<number, string>(Object.entries(errno).map(([name, value]) => [value, name]));

/** `EBUSY`, or `errno 999` for one that we do not know. Takes the value with either sign. */
export function errnoName(value: number): string {
  return names.get(Math.abs(value)) ?? `errno ${Math.abs(value)}`;
}

/** `device or resource busy (EBUSY)`. */
export function errnoText(value: number): string {
  const text = words[Math.abs(value)];
  return text === undefined ? errnoName(value) : `${text} (${errnoName(value)})`;
}
