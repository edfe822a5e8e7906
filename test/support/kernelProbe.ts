import { readFileSync } from 'node:fs';
import { type HelperClient, startHelper } from '../../extension/kernel/client.ts';
import { describeError, XdpError } from '../../extension/core/errors.ts';

/**
 * A session in a process of its own, so that a test can run it as another user or kill it. Takes its orders as JSON, does
 * them, prints one JSON line and stays until its standard input ends.
 */
export interface ProbeOrders {
  helperPath: string;
  profile?: 'own' | 'system';
  elevation: 'auto' | 'none' | 'sudo' | 'pkexec';
  netns?: string;
  adminDirectory?: string;
  /** Answers of the user who is asked for a password, in turn; null cancels. */
  passwords?: (string | null)[];
  /** Object file to load, and what to attach. */
  elf?: string;
  attach?: { program: string; ifindex: number; keep?: boolean };
  /** Program to run once on 64 bytes, with its bpf_printk lines. */
  printk?: string;
  /** Makes the helper busy in one long system call. */
  slow?: string;
}

export interface ProbeReport {
  hello?: HelperClient['hello'];
  pin?: string;
  printk?: string[];
  printkProblem?: string;
  prompts: string[];
  log: string[];
  error?: { code: string; message: string; fix?: string; details: XdpError['details'] };
}

async function probe(orders: ProbeOrders): Promise<ProbeReport> {
  const report: ProbeReport = { prompts: [], log: [] };
  const { passwords } = orders;
  try {
    const client = await startHelper({
      helperPath: orders.helperPath,
      execPath: process.execPath,
      profile: orders.profile ?? 'own',
      elevation: orders.elevation,
      onLog: (line) => report.log.push(line),
      ...(orders.netns === undefined ? {} : { netns: orders.netns }),
      ...(orders.adminDirectory === undefined ? {} : { adminDirectory: orders.adminDirectory }),
      ...(passwords === undefined
        ? {}
        : {
            askPassword: async (prompt: string) => {
              report.prompts.push(prompt);
              return passwords.shift() ?? undefined;
            },
          }),
    });
    report.hello = client.hello;
    process.stdin.on('end', () => void client.dispose());
    process.stdin.resume();
    if (orders.elf !== undefined) {
      const loaded = await client.call('object/load', { elf: readFileSync(orders.elf), name: 'probe.o' });
      const { object } = loaded;
      if (orders.attach !== undefined) {
        const { program, ifindex, keep = false } = orders.attach;
        const attached = await client.call('xdp/attach', { object, program, ifindex, mode: 'auto', via: 'link', keep });
        if (attached.pin !== undefined) report.pin = attached.pin;
      }
      if (orders.printk !== undefined) {
        const run = { object, program: orders.printk, data: new Uint8Array(64), repeat: 1, capturePrintk: true };
        const { printk, printkProblem } = await client.call('program/testRun', run);
        if (printk !== undefined) report.printk = printk;
        if (printkProblem !== undefined) report.printkProblem = printkProblem;
      }
      if (orders.slow !== undefined) {
        const data = new Uint8Array(64);
        void client
          .call('program/testRun', { object, program: orders.slow, data, repeat: 1000, cpu: 0, capturePrintk: false })
          .catch(() => {});
      }
    }
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    const { code, message, fix, details } = error;
    report.error = { code, message, details, ...(fix === undefined ? {} : { fix }) };
  }
  return report;
}

probe(JSON.parse(process.argv[2] ?? '{}') as ProbeOrders).then(
  (report) => process.stdout.write(`${JSON.stringify(report)}\n`),
  (error: unknown) => {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = 1;
  },
);
