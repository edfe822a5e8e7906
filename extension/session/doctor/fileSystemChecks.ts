import type { Facts } from './facts.ts';
import type { Check, DoctorMachine } from './machine.ts';
import type { Privilege } from './privilege.ts';

/** Where pins go. Its root's mode is among the mount options unless it is 0777: kernel/bpf/inode.c, bpf_show_options(). */
export function bpffsCheck(facts: Facts, { way, started }: Privilege, uid: number | undefined): Check {
  const check = { id: 'bpffs', title: 'BPF file system', required: false } as const;
  const mount = facts.mounts.findLast(({ target, type }) => target === '/sys/fs/bpf' && type === 'bpf');
  if (mount === undefined) {
    const byHelper = way === 'root' || way === 'sudo' || way === 'sudo-password' || way === 'pkexec';
    return {
      ...check,
      status: byHelper ? 'warning' : 'missing',
      detail: byHelper
        ? 'not mounted at /sys/fs/bpf; the helper mounts it when it is started'
        : 'not mounted at /sys/fs/bpf: attachments cannot outlive the window (--keep)',
      fix: mountFix(facts, '/sys/fs/bpf', 'sudo mount -t bpf bpf /sys/fs/bpf'),
    };
  }
  const mode = (mount.options.find((each) => each.startsWith('mode='))?.slice(5) ?? '777').padStart(4, '0');
  const where = `/sys/fs/bpf, mode ${mode}`;
  if (started && 'client' in started && started.client.hello.pinProblem !== undefined) {
    const detail = `${where}: ${started.client.hello.pinProblem}; attachments cannot outlive the window (--keep)`;
    const fix = `sudo install -d -m 0711 /sys/fs/bpf/xdp-vscode && sudo install -d -m 0700 -o ${uid ?? 0} /sys/fs/bpf/xdp-vscode/${uid ?? 0}`;
    return { ...check, status: 'warning', detail, fix };
  }
  const closed = !/[1357]$/.test(mode);
  const detail = closed ? `${where}: only root enters it; pins are made by the helper` : where;
  return { ...check, status: 'ok', detail };
}

/** Where the helper looks for it; another one, as of a chroot, is nothing to it. */
const tracefsPlaces: readonly string[] = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** What bpf_printk writes is read from there. */
export function tracefsCheck(machine: DoctorMachine, facts: Facts, lockdown: string): Check {
  const check = { id: 'tracefs', title: 'tracefs', required: false } as const;
  const mount = facts.mounts.findLast(({ target, type }) => type === 'tracefs' && tracefsPlaces.includes(target));
  if (mount === undefined) {
    return {
      ...check,
      status: 'missing',
      detail: 'not mounted: what bpf_printk writes cannot be read',
      fix: mountFix(facts, '/sys/kernel/tracing', 'sudo mount -t tracefs tracefs /sys/kernel/tracing'),
    };
  }
  if (lockdown.includes('[confidentiality]')) {
    return { ...check, status: 'warning', detail: `${mount.target}: closed by lockdown, so bpf_printk cannot be read` };
  }
  const shared = mount.options.some((each) => /^gid=[1-9]|^mode=0?7[57]/.test(each));
  if (machine.uid !== 0 && !shared) {
    return {
      ...check,
      status: 'warning',
      detail: `${mount.target}: only root may read what bpf_printk writes`,
      fix: `sudo cat ${mount.target}/trace_pipe`,
    };
  }
  return { ...check, status: 'ok', detail: mount.target };
}

/** In a container nobody may mount, but whoever starts it can give it the machine's. */
function mountFix(facts: Facts, path: string, command: string): string {
  const kind = facts.container?.kind;
  const confined = (kind === 'docker' || kind === 'podman') && !facts.bounding.includes('CAP_SYS_ADMIN');
  return confined ? `${kind} run -v ${path}:${path} …` : command;
}
