import { expect, test } from 'vitest';
import { describeDiagnosis } from '../../extension/cli/verbs/doctor.ts';
import { type Diagnosis, examine } from '../../extension/session/doctor/doctor.ts';
import { machines, play, type RecordedMachine } from '../support/doctorMachines.ts';

/** Examines a machine; whatever was started must be closed again. */
async function examined(machine: RecordedMachine): Promise<Diagnosis & { started: string[] }> {
  const played = play(machine);
  const diagnosis = await examine(played.machine);
  expect(played.open()).toBe(0);
  return { ...diagnosis, started: played.started };
}

/** `status detail | fix` of what is not ok; with a status in front of the id what is expected of a check that is. */
async function check(machine: RecordedMachine, ok: boolean, expected: Record<string, RegExp>): Promise<void> {
  const diagnosis = await examined(machine);
  const lines = new Map(
    diagnosis.checks.map(({ id, status, detail, fix }) => [
      id,
      `${status}: ${detail}${fix === undefined ? '' : ` | ${fix}`}`,
    ]),
  );
  for (const [id, pattern] of Object.entries(expected)) expect(lines.get(id), id).toMatch(pattern);
  const unexpected = [...lines].filter(([id, line]) => !line.startsWith('ok') && !(id in expected));
  expect(unexpected).toEqual([]);
  expect(diagnosis.ok).toBe(ok);
}

const asRoot = /^ok: root/;

test('Debian 12, root: all is well', () =>
  check(machines.debianRoot, true, {
    os: /^ok: Debian GNU\/Linux 12 \(bookworm\), x64$/,
    kernel: /^ok: 6\.1\.0-21-amd64$/,
    container: /^ok: none$/,
    bpffs: /^ok: \/sys\/fs\/bpf, mode 0700/,
    lockdown: /^ok: none$/,
    privilege: asRoot,
    libbpf: /^ok: 1\.1\.2, \/usr\/lib\/x86_64-linux-gnu\/libbpf\.so\.1\.1\.2$/,
    bpftool: /^ok: 7\.1\.0, /,
    iproute2: /^ok: 6\.1\.0, /,
    'option-VETH': /^ok: as a module$/,
    load: /^ok/,
  }));

test('a process with three capabilities needs neither sudo nor setpriv', () =>
  check(machines.capable, true, {
    privilege: /^ok: this process has the capabilities/,
    capabilities: /^ok: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON; without CAP_SYS_ADMIN/,
    setpriv: /^missing: .* \| sudo apt install util-linux$/,
    bpffs: /^warning: .*no folder of this user.* \| .*-o 1000 \/sys\/fs\/bpf\/xdp-vscode\/1000$/,
    tracefs: /^warning: .*only root/,
  }));

const onlyRootTraces = { tracefs: /^warning: .*only root.* \| sudo cat \/sys\/kernel\/tracing\/trace_pipe$/ };
const notTried = { helper: /^unknown: not tried/, load: /^unknown: not tried/ };

test('sudo without a password', () =>
  check(machines.sudoFree, true, { ...onlyRootTraces, privilege: /^ok: sudo, without a password$/, load: /^ok/ }));

test('sudo with a password', () =>
  check(machines.sudoPassword, true, {
    ...onlyRootTraces,
    ...notTried,
    privilege: /^ok: sudo, with a password \(member of sudo\)/,
  }));

test('an ordinary user whom sudo does not know', () =>
  check(machines.notInSudo, false, {
    ...onlyRootTraces,
    ...notTried,
    capabilities: /^ok: not held by this process, and can be gained/,
    privilege: /^missing: sudo wants a password, .* \| As root: usermod -aG sudo ann,/,
  }));

test('no sudo at all', () =>
  check(machines.noSudoAtAll, false, {
    ...onlyRootTraces,
    ...notTried,
    privilege: /^missing: .*sudo is not there \| Become root/,
  }));

test('an administrator’s install, whole and spoilt', async () => {
  const directory = '/opt/xdp-vscode';
  await check({ ...machines.pkexec, adminInstall: { state: 'installed', directory, version: '1.2.3' } }, true, {
    ...onlyRootTraces,
    ...notTried,
    privilege: /^ok: pkexec/,
    'admin-install': /^ok: version 1\.2\.3 in \/opt\/xdp-vscode/,
  });
  const problem = '/opt/xdp-vscode/node can be written by others than root';
  await check({ ...machines.pkexec, adminInstall: { state: 'untrusted', directory, problem } }, true, {
    ...onlyRootTraces,
    ...notTried,
    privilege: /^ok: pkexec/,
    'admin-install': /^warning: .* is not used: .*written by others.*xdp admin install/,
  });
});

test('pkexec in a graphical session', () =>
  check(machines.pkexec, true, { ...onlyRootTraces, ...notTried, privilege: /^ok: pkexec/ }));

test('elevation turned off', () =>
  check(machines.elevationOff, false, {
    ...onlyRootTraces,
    ...notTried,
    privilege: /^missing: elevation is turned off.* XDP_ELEVATION/,
  }));

test('no_new_privs', () =>
  check(machines.noNewPrivileges, false, { ...onlyRootTraces, ...notTried, privilege: /^missing: no_new_privs/ }));

test('WSL 2 of 2019: each option that its kernel lacks is named', () =>
  check(machines.wslOld, false, {
    kernel: /^missing: 4\.19\.59-microsoft-standard: too old.* \| In Windows run: wsl --update$/,
    wsl: /lacks CONFIG_BPF_JIT, CONFIG_DEBUG_INFO_BTF, CONFIG_XDP_SOCKETS, CONFIG_NET_CLS_BPF \| .*wsl --update.*\.wslconfig$/,
    'option-BPF_JIT': /^missing: .*machine code/,
    'option-DEBUG_INFO_BTF': /^missing: .*CO-RE/,
    'option-XDP_SOCKETS': /^missing: .*AF_XDP/,
    'option-NET_CLS_BPF': /^missing: .*tc programs .*CONFIG_NET_CLS_BPF=y$/,
    btf: /^missing/,
    jit: /^missing: .*interpreted/,
    memlock: /^warning: the limit is 8388608 bytes/,
    capabilities: /^missing: CAP_BPF, CAP_PERFMON .* \| .*5\.8/,
    privilege: /^missing/,
    bpftool: /^warning: .* \| Build it from/,
    ...notTried,
  }));

test('WSL 2 of today', () =>
  check(machines.wsl2, true, {
    ...onlyRootTraces,
    container: /^ok: none/,
    wsl: /^warning: .*lacks CONFIG_XDP_SOCKETS \|/,
    'option-XDP_SOCKETS': /^missing/,
    bpftool: /^warning/,
  }));

test('WSL 1 has no kernel of Linux', async () => {
  const { ok, checks } = await examined(machines.wsl1);
  expect(ok).toBe(false);
  expect(checks.find(({ id }) => id === 'kernel')).toMatchObject({
    status: 'missing',
    fix: /--set-version/ as unknown,
  });
});

test('docker without capabilities: the flags to add', () =>
  check(machines.docker, false, {
    container:
      /^missing: docker, started without CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON \| docker run --cap-add BPF --cap-add NET_ADMIN --cap-add PERFMON … \(devcontainer\.json: "capAdd": \["BPF", "NET_ADMIN", "PERFMON"\]\)/,
    'option-BPF_JIT': /^unknown: .*there is no \/proc\/config\.gz, no \/boot\/config-6\.1\.0-21-amd64/,
    'option-XDP_SOCKETS': /^unknown/,
    'option-NET_CLS_ACT': /^unknown/,
    'option-NET_CLS_BPF': /^unknown/,
    'option-NET_SCH_INGRESS': /^unknown/,
    'option-VETH': /^unknown/,
    'option-BPF_EVENTS': /^unknown/,
    'option-BPF_SYSCALL': /^ok: there is \/proc\/sys/,
    jit: /^unknown: .*not visible in this network namespace/,
    lockdown: /^unknown: .*securityfs is not mounted/,
    bpffs: /^missing: .* \| docker run -v \/sys\/fs\/bpf:\/sys\/fs\/bpf …$/,
    tracefs: /^missing: .* \| docker run -v \/sys\/kernel\/tracing:/,
    capabilities: /^missing: .*--cap-add BPF/,
    privilege: /^missing: not even root gets CAP_BPF/,
    iproute2: /^missing: .* \| sudo apt install iproute2$/,
    bpftool: /^missing: .* \| sudo apt install bpftool$/,
    ...notTried,
  }));

test('docker with capabilities, and a filter that refuses bpf()', () =>
  check(machines.dockerSeccomp, false, {
    container: /^warning: .* \| .*seccomp=unconfined/,
    load: /^missing: .*Operation not permitted \| .*seccomp=unconfined$/,
  }));

test('rootless podman', () =>
  check(machines.podmanRootless, false, {
    container: /^missing: podman, rootless.* \| Run it rootful \(sudo podman run …\)/,
    privilege: /^missing: a user namespace/,
    ...notTried,
  }));

test('kubernetes', () =>
  check(machines.kubernetes, false, {
    container:
      /^missing: kubernetes, .* \| .*securityContext: capabilities: \{ add: \[BPF, NET_ADMIN, PERFMON\] \}; CAP_SYS_ADMIN as well/,
    capabilities: /^missing/,
    privilege: /^missing/,
    ...notTried,
  }));

test('macOS: what still works is said, and nothing of Linux is looked at', async () => {
  await check(machines.macos, false, {
    os: /^missing: macOS \(x64\)/,
    clang: /^missing/,
    'built-in-machine': /^ok: .*--engine vm/,
  });
  expect((await examined(machines.macos)).checks.map(({ id }) => id)).toEqual([
    'os',
    'clang',
    'node',
    'built-in-machine',
  ]);
});

test('a kernel before 5.15', () =>
  check(machines.oldKernel, true, {
    ...onlyRootTraces,
    kernel: /^warning: 5\.10\.0-28-amd64: older than 5\.15/,
    memlock: /^warning: .*ulimit -l unlimited/,
    'unprivileged-bpf': /^warning: .* \| sudo sysctl kernel\.unprivileged_bpf_disabled=2$/,
    jit: /^warning: off.* \| sudo sysctl net\.core\.bpf_jit_enable=1$/,
  }));

test('a kernel that takes the program outweighs its old number', () =>
  check(machines.rhel8, true, { kernel: /^warning: 4\.18/, memlock: /^warning/, load: /^ok/ }));

test('lockdown in confidentiality mode, configuration unreadable', () =>
  check(machines.lockedDown, true, {
    lockdown: /^warning: confidentiality/,
    tracefs: /^warning: .*lockdown/,
    'option-XDP_SOCKETS': /^unknown: .*may not read \/boot\/config-6\.1\.0-21-amd64/,
    'option-NET_CLS_ACT': /^unknown/,
    'option-NET_CLS_BPF': /^unknown/,
    'option-NET_SCH_INGRESS': /^unknown/,
    'option-VETH': /^unknown/,
    'option-BPF_EVENTS': /^unknown/,
  }));

test('nothing installed', () =>
  check(machines.bare, false, {
    os: /^unknown/,
    clang: /^missing: .* \| fix of clang-missing$/,
    libbpf: /^missing: .* \| fix of libbpf-missing$/,
    iproute2: /^missing: .* \| sudo dnf install iproute$/,
    bpftool: /^missing/,
    setpriv: /^missing: .*util-linux$/,
    nsenter: /^missing/,
    node: /^missing: 18\.20\.1/,
    bpffs: /^warning: .*the helper mounts it/,
    tracefs: /^missing/,
    compile: /^missing/,
    helper: /^missing/,
    load: /^unknown/,
  }));

test.each([
  ['root', machines.debianRoot, ['none']],
  ['a user with sudo', machines.sudoPassword, ['sudo']],
  ['a user with a display', machines.pkexec, []],
  ['a container without capabilities', machines.docker, []],
  ['elevation turned off', machines.elevationOff, []],
])('the helper is only started where nobody is asked: %s', async (_, machine, started) => {
  expect((await examined(machine)).started).toEqual(started);
});

test('text: marks, aligned details, fixes below, options folded, the verdict last', async () => {
  const lines = describeDiagnosis(await examined(machines.notInSudo)).split('\n');
  expect(lines).toContain(
    `✓ Kernel options    BPF BPF_SYSCALL BPF_JIT DEBUG_INFO_BTF XDP_SOCKETS NET_CLS_ACT NET_CLS_BPF NET_SCH_INGRESS NET_NS VETH BPF_EVENTS`,
  );
  expect(lines.filter((line) => line.startsWith('✗'))).toEqual([expect.stringMatching(/^✗ Privilege {9}sudo wants/)]);
  expect(lines[lines.findIndex((line) => line.startsWith('✗')) + 1]).toMatch(/^ {20}→ As root: usermod/);
  expect(lines.at(-1)).toMatch(/^XDP programs cannot be loaded here yet/);
  expect(describeDiagnosis(await examined(machines.sudoPassword))).toMatch(/asks for a password first\.$/);
  expect(describeDiagnosis(await examined(machines.debianRoot))).toMatch(/attached here\.$/);
});
