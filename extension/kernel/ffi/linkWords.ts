import { statSync } from 'node:fs';
import { call, instruction, move, opcode, wide } from './instructions.ts';
import { closeFd } from './libc.ts';
import type { LibbpfSymbols } from './symbols.ts';

const BPF_PROG_TYPE_RAW_TRACEPOINT = 17;
const BPF_MAP_TYPE_ARRAY = 2;
/** With the byte that ends it; the kernel's own messages (NL_SET_ERR_MSG) are shorter. */
const wordsBytes = 256;

/**
 * Runs `work` and answers with what the kernel said about a link to an interface that it refused this process meanwhile.
 * netlink has extended acknowledgements for that; a refused link has an errno, and a tracepoint that is given the words:
 * net/core/dev.c, bpf_xdp_link_attach(). Kernel ≥ 6.5 and CAP_PERFMON; undefined, with `work` not run, where it cannot be had.
 */
export function overhearLinkFailure<T>(
  libbpf: LibbpfSymbols,
  work: () => T,
): { outcome: T; words: string | undefined } | undefined {
  const open: number[] = [];
  const owned = (fd: number): boolean => fd >= 0 && open.push(fd) > 0;
  try {
    const map = libbpf.mapCreate(BPF_MAP_TYPE_ARRAY, 'xdp_vscode_words', 4, wordsBytes, 1, null);
    if (!owned(map)) return undefined;
    const code = listener(map);
    const count = code.length / 8;
    // Reading the kernel's memory is for programs under the GPL, and for those that may be used under it.
    const program = libbpf.programLoad(BPF_PROG_TYPE_RAW_TRACEPOINT, 'xdp_words', 'Dual MIT/GPL', code, count, null);
    if (!owned(program) || !owned(libbpf.rawTracepointOpen('bpf_xdp_link_attach_failed', program))) return undefined;
    const outcome = work();
    const value = Buffer.alloc(wordsBytes);
    const read = libbpf.mapLookup(map, new Uint8Array(4), value);
    const words = read < 0 ? '' : value.toString('utf8', 0, value.indexOf(0));
    return { outcome, words: words === '' ? undefined : words };
  } finally {
    for (const fd of open.reverse()) closeFd(fd);
  }
}

/**
 * The listener, in the instructions that it consists of: there is no compiler where this runs.
 *
 *     if (bpf_get_ns_current_pid_tgid(dev, inode, &ids, 8) || ids.tgid != this process) return 0;
 *     value = bpf_map_lookup_elem(map, &zero);
 *     if (value) bpf_probe_read_kernel_str(value, wordsBytes, ctx->args[0]);
 *     return 0;
 */
function listener(map: number): Uint8Array {
  const { dev, ino } = statSync('/proc/self/ns/pid');
  const [r0, r1, r2, r3, r4, r6, fp] = [0, 1, 2, 3, 4, 6, 10];
  const code = [
    move(r6, r1),
    ...wide(r1, kernelDevice(dev)),
    ...wide(r2, ino),
    move(r3, fp),
    instruction(opcode.addImmediate, r3, 0, 0, -8),
    instruction(opcode.moveImmediate, r4, 0, 0, 8),
    call(helper.getNsCurrentPidTgid),
    instruction(opcode.jumpIfNot, r0, 0, 13, 0),
    // struct bpf_pidns_info: pid, tgid
    instruction(opcode.loadWord, r1, fp, -4, 0),
    instruction(opcode.jumpIfNot, r1, 0, 11, process.pid),
    instruction(opcode.storeWord, fp, 0, -12, 0),
    move(r2, fp),
    instruction(opcode.addImmediate, r2, 0, 0, -12),
    ...wide(r1, map, pseudoMapFd),
    call(helper.mapLookup),
    instruction(opcode.jumpIf, r0, 0, 4, 0),
    move(r1, r0),
    instruction(opcode.moveImmediate, r2, 0, 0, wordsBytes),
    instruction(opcode.loadDoubleWord, r3, r6, 0, 0),
    call(helper.probeReadKernelString),
    instruction(opcode.moveImmediate, r0, 0, 0, 0),
    instruction(opcode.exit, 0, 0, 0, 0),
  ];
  return Buffer.concat(code);
}

/** include/uapi/linux/bpf.h */
const helper = { mapLookup: 1, probeReadKernelString: 115, getNsCurrentPidTgid: 120 } as const;
const pseudoMapFd = 1;

/** stat(2) gives a device in user space's encoding: include/linux/kdev_t.h, new_encode_dev(). */
function kernelDevice(dev: number): number {
  const major = (dev >> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  return major * 2 ** 20 + minor;
}
