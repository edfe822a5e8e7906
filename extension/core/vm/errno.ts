/** What helpers return on failure, as the kernel does: include/uapi/asm-generic/errno-base.h and errno.h. */
export const errno = {
  perm: -1,
  noEntry: -2,
  tooBig: -7,
  again: -11,
  noMemory: -12,
  access: -13,
  fault: -14,
  busy: -16,
  exists: -17,
  noDevice: -19,
  invalid: -22,
  noSpace: -28,
  range: -34,
  deadlock: -35,
  notSupported: -95,
  notSupportedInKernel: -524,
} as const;
