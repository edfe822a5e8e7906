import { access, constants, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { adminStatus } from '../admin/adminInstall.ts';
import { type BuildOptions, openObject } from '../bpfObject.ts';
import { type Elevation, KernelAccess, type KernelAccessOptions } from '../kernelAccess.ts';
import { verifyObject } from '../verify.ts';
import type { DoctorMachine, FileAnswer, TrialHelper } from './machine.ts';

export interface LocalMachineOptions extends Pick<KernelAccessOptions, 'helperPath' | 'execPath' | 'onLog'> {
  elevation: Elevation;
  build: BuildOptions;
}

/** The subtraction of packet pointers is what the verifier refuses without CAP_PERFMON. */
const trialSource = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_doctor(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;

	return data_end - data < 14 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
`;

/** Not all users have the folders of system programs on PATH: Debian gives them to root only. */
const systemFolders = ['/usr/sbin', '/sbin', '/usr/local/sbin', '/usr/bin', '/bin'];
const outputMs = 5_000;

/** This machine. */
export function localMachine(options: LocalMachineOptions): DoctorMachine {
  const { build } = options;
  return {
    platform: process.platform,
    arch: process.arch,
    release: release(),
    nodeVersion: process.versions.node,
    uid: process.getuid?.(),
    elevation: options.elevation,
    adminInstall: () => adminStatus(),
    graphical: process.env['DISPLAY'] !== undefined || process.env['WAYLAND_DISPLAY'] !== undefined,
    read,
    exists: (file) =>
      stat(file).then(
        () => true,
        (error: unknown) => errnoOf(error) === 'EACCES',
      ),
    list: (folder) => readdir(folder).catch(() => []),
    findCommand,
    output: (command, args) => output(command, args, build.signal),
    findClang: async () => {
      const { findClang } = await import('../../toolchain/clang.ts');
      return findClang({ ...(build.clangPath === undefined ? {} : { path: build.clangPath }), signal: build.signal });
    },
    compileTrial: async () => {
      const folder = await mkdtemp(path.join(tmpdir(), 'xdp-doctor-'));
      try {
        const source = path.join(folder, 'xdp_doctor.bpf.c');
        await writeFile(source, trialSource);
        return await openObject(source, build);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    startHelper: (elevation) => startHelper({ ...options, elevation }),
  };
}

/** An access of its own: it has nobody to ask, and never falls back to pkexec, which opens a dialog. */
async function startHelper(options: LocalMachineOptions): Promise<TrialHelper> {
  const { helperPath, execPath, elevation, onLog } = options;
  const kernel = new KernelAccess({ helperPath, execPath, elevation, ...(onLog === undefined ? {} : { onLog }) });
  const client = await kernel.own();
  return {
    hello: client.hello,
    verify: (object) => verifyObject(client, object),
    dispose: () => kernel.dispose(),
  };
}

async function read(file: string): Promise<FileAnswer> {
  try {
    const bytes = await readFile(file);
    const text = file.endsWith('.gz') ? await promisify(gunzip)(bytes, { maxOutputLength: 8 << 20 }) : bytes;
    return { kind: 'text', text: text.toString('utf8') };
  } catch (error) {
    const code = errnoOf(error);
    return { kind: code === 'EACCES' || code === 'EPERM' ? 'refused' : 'absent' };
  }
}

async function findCommand(name: string): Promise<string | undefined> {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  for (const folder of [...folders, ...systemFolders]) {
    const file = path.join(folder, name);
    const there = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there && (await stat(file)).isFile()) return file;
  }
  return undefined;
}

async function output(
  command: string,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const { run } = await import('../../toolchain/process.ts');
  const env = { ...process.env, LC_ALL: 'C' };
  const result = await run(command, args, {
    env,
    timeoutMs: outputMs,
    maxBytes: 1 << 20,
    ...(signal ? { signal } : {}),
  }).catch(() => undefined);
  return result?.code === 0 ? result.stdout : undefined;
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
