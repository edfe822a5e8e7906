import { expect, test } from 'vitest';
import { findClang, findDebuggerClang } from '../../extension/toolchain/clang.ts';
import { installCommand } from '../../extension/toolchain/distro.ts';
import { project, script } from '../support/toolchain.ts';

/** A clang that only tells what it is. */
function fakeClang(root: string, name: string, version: string, targets = 'bpf        - BPF (host endian)'): string {
  return script(root, name, `case "$1" in --version) echo "${version}";; -print-targets) echo "    ${targets}";; esac`);
}

test('the clang of this machine is found, with its version', async () => {
  const clang = await findClang();
  expect(clang).toMatchObject({
    path: expect.stringMatching(/^\/.*clang/),
    version: expect.stringMatching(/^\d+\.\d/),
  });
  expect(clang.major).toBe(Number.parseInt(clang.version));
});

test.each([
  ['Debian clang version 14.0.6', 14, '14.0.6'],
  ['Ubuntu clang version 18.1.3 (1ubuntu1)', 18, '18.1.3'],
  ['clang version 22.0.0git (abc)', 22, '22.0.0git'],
])('%s', async (text, major, version) => {
  const path = fakeClang(project(), 'clang', text);
  expect(await findClang({ path })).toEqual({ path, major, version });
});

test('plain clang comes first, then the newest; one that is unfit is passed over', async () => {
  const root = project();
  const env = { PATH: root };
  const v9 = fakeClang(root, 'clang-9', 'clang version 9.0.1');
  expect(await findClang({ env }).catch((error: unknown) => error)).toMatchObject({
    code: 'clang-too-old',
    message: expect.stringContaining(`${v9} cannot compile BPF programs: it is version 9.0.1`),
    fix: expect.stringContaining('apt install'),
  });
  fakeClang(root, 'clang-20', 'clang version 20.1.0', 'x86 - 32-bit X86');
  fakeClang(root, 'clang-cpp-21', 'clang version 21.0.0');
  const v15 = fakeClang(root, 'clang-15', 'clang version 15.0.7');
  expect((await findClang({ env })).path).toBe(v15);
  const v19 = fakeClang(root, 'clang-19', 'clang version 19.1.7');
  expect((await findClang({ env })).path).toBe(v19);
  const plain = fakeClang(root, 'clang', 'clang version 16.0.0');
  expect((await findClang({ env })).path).toBe(plain);
});

test('the debugger gets a clang that is new enough, the usual one where that is', async () => {
  const root = project();
  const env = { PATH: root };
  fakeClang(root, 'clang', 'clang version 14.0.6');
  expect(await findDebuggerClang({ env }).catch((error: unknown) => error)).toMatchObject({
    code: 'clang-too-old',
    message: expect.stringContaining('is version 14.0.6, and only 19 and newer compile for the debugger'),
    fix: expect.stringContaining('clang'),
  });
  fakeClang(root, 'clang-18', 'clang version 18.1.8');
  const newer = fakeClang(root, 'clang-19', 'clang version 19.1.7');
  expect((await findDebuggerClang({ env })).path).toBe(newer);
  const usual = fakeClang(root, 'my-clang', 'clang version 20.1.0');
  expect((await findDebuggerClang({ env, path: usual })).path).toBe(usual);
});

test('none at all says how to install one', async () => {
  const error = await findClang({ env: { PATH: project() } }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'clang-missing', fix: expect.stringContaining('apt install clang') });
});

test('the setting is taken at its word, and is named when it is wrong', async () => {
  const root = project({ notexecutable: 'x' });
  const env = { PATH: root };
  const own = fakeClang(root, 'my-clang', 'clang version 17.0.0');
  expect((await findClang({ path: own, env })).path).toBe(own);
  expect((await findClang({ path: 'my-clang', env })).path).toBe(own);
  for (const path of [`${root}/none`, `${root}/notexecutable`, root, 'none']) {
    const error = await findClang({ path, env }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'clang-missing', message: expect.stringContaining('xdp.clang.path') });
  }
  const silent = script(root, 'silent', 'exit 3');
  const garbage = project({ clang: Buffer.from([1, 2, 3, 4]) });
  for (const path of [silent, fakeClang(root, 'old', 'clang version 13.0.0')]) {
    expect(await findClang({ path, env }).catch((reason: unknown) => reason)).toMatchObject({ code: 'clang-too-old' });
  }
  expect(await findClang({ path: `${garbage}/clang`, env }).catch((reason: unknown) => reason)).toMatchObject({
    code: 'clang-missing',
  });
});

test('a clang that was exchanged is asked again', async () => {
  const root = project();
  fakeClang(root, 'clang', 'clang version 15.0.0');
  expect((await findClang({ env: { PATH: root } })).major).toBe(15);
  fakeClang(root, 'clang', 'Debian clang version 16.0.0');
  expect((await findClang({ env: { PATH: root } })).major).toBe(16);
});

test.each([
  ['ID=debian\n', 'sudo apt install clang llvm bpftool'],
  ['NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', 'sudo apt install clang llvm linux-tools-generic'],
  ['ID=fedora\n', 'sudo dnf install clang llvm bpftool'],
  ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'sudo dnf install clang llvm bpftool'],
  ['ID=arch\n', 'sudo pacman -S clang llvm bpf'],
  ['ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', 'sudo zypper install clang llvm bpftool'],
  ['ID=alpine\n', 'sudo apk add clang llvm bpftool'],
  ['', 'sudo apt install clang llvm bpftool'],
])('what to install, for %j', (osRelease, command) => {
  expect(installCommand(['clang', 'bpftool'], osRelease)).toBe(command);
});
