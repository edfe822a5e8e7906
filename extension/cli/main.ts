import path from 'node:path';
import { XdpError } from '../core/errors.ts';
import { KernelAccess } from '../session/kernelAccess.ts';
import { AttachmentRegistry } from '../session/attach/registry.ts';
import { askOnTerminal } from './askOnTerminal.ts';
import type { Context, ExitCode } from './command.ts';
import { Ending } from './ending.ts';
import { exitCodeOf, Output } from './output.ts';
import { admin } from './verbs/admin.ts';
import { attach } from './verbs/attach.ts';
import { bpfman } from './verbs/bpfman.ts';
import { compile } from './verbs/compile.ts';
import { detach } from './verbs/detach.ts';
import { disasm } from './verbs/disasm.ts';
import { doctor } from './verbs/doctor.ts';
import { explain } from './verbs/explain.ts';
import { inspect } from './verbs/inspect.ts';
import { interfaces } from './verbs/interfaces.ts';
import { lab } from './verbs/lab.ts';
import { map } from './verbs/map/map.ts';
import { maps } from './verbs/maps.ts';
import { newProject } from './verbs/new.ts';
import { packet } from './verbs/packet.ts';
import { run } from './verbs/run/run.ts';
import { test } from './verbs/test.ts';
import { verify } from './verbs/verify.ts';
import { vmPlugin } from './verbs/vmPlugin.ts';

const verbs = {
  compile,
  inspect,
  disasm,
  verify,
  interfaces,
  attach,
  detach,
  maps,
  map,
  run,
  packet,
  lab,
  explain,
  test,
  doctor,
  new: newProject,
  bpfman,
  admin,
  'vm-plugin': vmPlugin,
} as const;

function help(): string {
  const width = Math.max(...Object.keys(verbs).map((name) => name.length));
  return [
    'xdp — compile, verify, attach, watch and test XDP programs',
    '',
    'Usage: xdp VERB [ARGUMENTS] [--json]',
    '',
    ...Object.entries(verbs).map(([name, verb]) => `  ${name.padEnd(width)}  ${verb.summary}`),
    '',
    "`xdp VERB --help` shows a verb's arguments. With --json: one JSON document on stdout.",
    'Exit: 0 done and true, 1 the answer is no, 2 usage or environment.',
    'Elevation: XDP_ELEVATION=auto|none|sudo|pkexec (default auto).',
  ].join('\n');
}

async function main(argv: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = argv.filter((argument) => argument !== '--json');
  const output = new Output(argv.includes('--json'));
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    output.result({ verbs: Object.entries(verbs).map(([verb, { usage }]) => ({ verb, usage })) }, help);
    return name === undefined ? 2 : 0;
  }
  if (name === '--version') {
    output.result({ version: __XDP_VERSION__ }, () => __XDP_VERSION__);
    return 0;
  }
  const verb = Object.hasOwn(verbs, name) ? verbs[name as keyof typeof verbs] : undefined;
  const ending = new Ending(output);
  let kernel: KernelAccess | undefined;
  try {
    if (!verb) {
      throw new XdpError('usage', `There is no verb ${name}.`, { fix: `Verbs: ${Object.keys(verbs).join(', ')}.` });
    }
    if (rest.includes('--help')) {
      const { usage, summary } = verb;
      output.result({ usage, summary }, () => `xdp ${usage}\n\n${summary}`);
      return 0;
    }
    kernel = new KernelAccess({
      helperPath: path.join(__dirname, 'helper.js'),
      execPath: process.execPath,
      elevation: elevation(process.env['XDP_ELEVATION']),
      ...(process.stderr.isTTY ? { askPassword: askOnTerminal } : {}),
      ...(process.env['XDP_DEBUG'] === undefined ? {} : { onLog: (line: string) => output.note(line) }),
    });
    const context: Context = {
      output,
      kernel,
      registry: new AttachmentRegistry('cli'),
      build: {
        bundledInclude: path.join(__dirname, '..', 'bpf', 'include'),
        workspaceRoots: [process.cwd()],
        signal: ending.signal,
      },
      signal: ending.signal,
    };
    return await verb.run(rest, context);
  } catch (error) {
    output.error(error);
    return exitCodeOf(error);
  } finally {
    await kernel?.dispose();
    ending.dispose();
  }
}

function elevation(text: string | undefined): 'auto' | 'none' | 'sudo' | 'pkexec' {
  if (text === undefined || text === 'auto') return 'auto';
  if (text === 'none' || text === 'sudo' || text === 'pkexec') return text;
  throw new XdpError('usage', `XDP_ELEVATION cannot be ${text}.`, { fix: 'It is one of: auto, none, sudo, pkexec.' });
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`xdp: ${String(error)}\n`);
    process.exitCode = 2;
  },
);
