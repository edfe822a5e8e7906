import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { buildHelper, command } from './kernelHelper.ts';
import type { ProbeOrders, ProbeReport } from './kernelProbe.ts';

const root = resolve(import.meta.dirname, '../..');

let built: Promise<string> | undefined;
function buildProbe(): Promise<string> {
  const outfile = join(root, '.cache/test-helper/probe.cjs');
  built ??= build({
    entryPoints: [join(root, 'test/support/kernelProbe.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'error',
  }).then(() => outfile);
  return built;
}

export interface Probe {
  process: ChildProcess;
  report: ProbeReport;
  /** Ends the session by closing its standard input. */
  end(): Promise<void>;
}

/** Runs the probe behind `prefix` (setpriv …), with the environment of an editor. */
export async function runProbe(
  orders: Omit<ProbeOrders, 'helperPath'>,
  prefix: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Probe> {
  const probePath = await buildProbe();
  const full: ProbeOrders = { helperPath: await buildHelper(), ...orders };
  const [name, ...args] = [...prefix, process.execPath, probePath, JSON.stringify(full)];
  const child = spawn(name ?? '', args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], ...env },
  });
  const line = await new Promise<string>((resolveLine, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const end = text.indexOf('\n');
      if (end >= 0) resolveLine(text.slice(0, end));
    });
    child.once('close', () => reject(new Error(`The probe ended without a report: ${text}`)));
  });
  return {
    process: child,
    report: JSON.parse(line) as ProbeReport,
    end: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = new Promise((resolveClosed) => child.once('close', resolveClosed));
      child.stdin.end();
      await closed;
    },
  };
}

/** A throw-away user, with what /etc/sudoers.d says of it. */
export interface TestUser {
  name: string;
  uid: number;
  gid: number;
  password: string;
  /** A setpriv prefix that becomes this user. */
  become: readonly string[];
  sudoers(rule: string | undefined): void;
  remove(): void;
}

/** `suffix`: for a second one in the same test. */
export function testUser(suffix = ''): TestUser {
  const name = `xk${process.pid}${suffix}`;
  const password = `pw-${process.pid}-xyz`;
  command('useradd', ['--no-create-home', '--shell', '/bin/sh', name]);
  command('sh', ['-c', 'printf "%s:%s\\n" "$1" "$2" | chpasswd', 'sh', name, password]);
  const uid = Number(command('id', ['-u', name]));
  const gid = Number(command('id', ['-g', name]));
  const rules = `/etc/sudoers.d/${name}`;
  return {
    name,
    uid,
    gid,
    password,
    become: ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--inh-caps=-all'],
    sudoers: (rule) => {
      if (rule === undefined) rmSync(rules, { force: true });
      else writeFileSync(rules, `${name} ${rule}\n`, { mode: 0o440 });
    },
    remove: () => {
      rmSync(rules, { force: true });
      command('sh', [
        '-c',
        'cd /sys/fs/bpf/xdp-vscode 2>/dev/null && find "./$1" -depth -delete; true',
        'sh',
        String(uid),
      ]);
      command('userdel', [name]);
    },
  };
}
