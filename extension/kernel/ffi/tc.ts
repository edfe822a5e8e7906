import { errno } from '../libbpf/errno.ts';
import type { Libbpf, TcFilter } from '../libbpf/port.ts';
import type { LibbpfSymbols } from './symbols.ts';

const BPF_TCX_INGRESS = 46; // enum bpf_attach_type
/** enum bpf_tc_attach_point of libbpf.h. */
const BPF_TC_INGRESS = 1;
const BPF_TC_EGRESS = 2;
const BPF_TC_F_REPLACE = 1;

export function tcCalls(
  libbpf: LibbpfSymbols,
): Pick<Libbpf, 'createTcxLink' | 'tcAttach' | 'tcDetach' | 'tcRemoveQdisc'> {
  return {
    createTcxLink: (programFd, ifindex) => {
      const opts = Buffer.alloc(64); // struct bpf_link_create_opts: sz, flags, …
      opts.writeBigUInt64LE(BigInt(opts.length), 0);
      return libbpf.linkCreate(programFd, ifindex, BPF_TCX_INGRESS, opts);
    },
    tcAttach: (ifindex, programFd, replaced) => {
      const made = replaced === undefined ? libbpf.tcHookCreate(hook(ifindex, BPF_TC_INGRESS)) : -errno.EEXIST;
      if (made < 0 && made !== -errno.EEXIST) return made;
      const options = filterOptions(replaced);
      options.writeInt32LE(programFd, 8);
      if (replaced !== undefined) options.writeUInt32LE(BPF_TC_F_REPLACE, 12);
      const result = libbpf.tcAttach(hook(ifindex, BPF_TC_INGRESS), options);
      if (result < 0) {
        if (made >= 0) libbpf.tcHookDestroy(hook(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS));
        return result;
      }
      return { handle: options.readUInt32LE(20), priority: options.readUInt32LE(24), madeQdisc: made >= 0 };
    },
    tcDetach: (ifindex, filter) => libbpf.tcDetach(hook(ifindex, BPF_TC_INGRESS), filterOptions(filter)),
    tcRemoveQdisc: (ifindex) => libbpf.tcHookDestroy(hook(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS)),
  };
}

/** struct bpf_tc_hook: sz, ifindex, attach_point, parent. */
function hook(ifindex: number, point: number): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 0);
  bytes.writeInt32LE(ifindex, 8);
  bytes.writeUInt32LE(point, 12);
  return bytes;
}

/** struct bpf_tc_opts: sz, prog_fd, flags, prog_id, handle, priority. */
function filterOptions(filter: TcFilter | undefined): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 0);
  bytes.writeUInt32LE(filter?.handle ?? 0, 20);
  bytes.writeUInt32LE(filter?.priority ?? 0, 24);
  return bytes;
}
