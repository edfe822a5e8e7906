/** Numbers of BPF helpers in include/uapi/linux/bpf.h, as far as somebody has to know whether a program calls them. */
export const helperNumbers = { tracePrintk: 6, perfEventOutput: 25, ringbufQuery: 134, traceVprintk: 177 } as const;

export const printkHelpers = [helperNumbers.tracePrintk, helperNumbers.traceVprintk] as const;

/** Does any instruction of the object call one of these helpers? Sections of code are aligned to 8 bytes. */
export function callsHelper(elf: Uint8Array, helpers: readonly number[]): boolean {
  const call = 0x85;
  for (let at = 0; at + 8 <= elf.length; at += 8) {
    const isHelperCall = elf[at] === call && elf[at + 1] === 0 && elf[at + 2] === 0 && elf[at + 3] === 0;
    if (!isHelperCall || elf[at + 6] !== 0 || elf[at + 7] !== 0) continue;
    if (helpers.includes((elf[at + 4] ?? 0) | ((elf[at + 5] ?? 0) << 8))) return true;
  }
  return false;
}
