import { english, t, translated } from '../core/text/language.ts';
import { speakByLocale } from './language.ts';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { XdpError } from '../core/errors.ts';
import { KernelAccess } from '../session/kernelAccess.ts';
import { AttachmentRegistry } from '../session/attach/registry.ts';
import { askOnTerminal } from './askOnTerminal.ts';
import type { Context, ExitCode, Verb } from './command.ts';
import { Ending } from './ending.ts';
import { meant } from './habits.ts';
import { exitCodeOf, Output } from './output.ts';

/** Where this runs: beside the other bundles. */
const dist = path.dirname(fileURLToPath(import.meta.url));

/** Loaded when it is asked for: nobody waits for a verb that he did not type. */
const verbs: Record<string, () => Promise<Verb>> = {
  compile: async () => (await import('./verbs/compile.ts')).compile,
  inspect: async () => (await import('./verbs/inspect.ts')).inspect,
  disasm: async () => (await import('./verbs/disasm.ts')).disasm,
  verify: async () => (await import('./verbs/verify.ts')).verify,
  interfaces: async () => (await import('./verbs/interfaces.ts')).interfaces,
  attach: async () => (await import('./verbs/attach.ts')).attach,
  detach: async () => (await import('./verbs/detach.ts')).detach,
  maps: async () => (await import('./verbs/maps.ts')).maps,
  map: async () => (await import('./verbs/map/map.ts')).map,
  run: async () => (await import('./verbs/run/run.ts')).run,
  packet: async () => (await import('./verbs/packet.ts')).packet,
  lab: async () => (await import('./verbs/lab.ts')).lab,
  explain: async () => (await import('./verbs/explain.ts')).explain,
  test: async () => (await import('./verbs/test.ts')).test,
  generate: async () => (await import('./verbs/generate.ts')).generate,
  doctor: async () => (await import('./verbs/doctor.ts')).doctor,
  new: async () => (await import('./verbs/new.ts')).newProject,
  bpfman: async () => (await import('./verbs/bpfman.ts')).bpfman,
  admin: async () => (await import('./verbs/admin.ts')).admin,
  'vm-plugin': async () => (await import('./verbs/vmPlugin.ts')).vmPlugin,
};

function help(loaded: readonly (readonly [name: string, verb: Verb])[]): string {
  const width = Math.max(...loaded.map(([name]) => name.length));
  return [
    t('xdp — compile, verify, attach, watch and test XDP programs'),
    '',
    t('Usage: xdp VERB [ARGUMENTS] [--json]'),
    '',
    ...loaded.map(([name, verb]) => `  ${name.padEnd(width)}  ${translated(verb.summary)}`),
    '',
    t("`xdp VERB --help` shows a verb's arguments. With --json: one JSON document on stdout."),
    t('Exit: 0 done and true, 1 the answer is no, 2 usage or environment.'),
    t('Elevation: XDP_ELEVATION=auto|none|sudo|pkexec (default auto).'),
    t('Another clang than the first on PATH: XDP_CLANG=/path/to/clang.'),
  ].join('\n');
}

async function main(argv: readonly string[]): Promise<ExitCode> {
  const given = argv.filter((argument) => argument !== '--json');
  const [name, ...rest] = given[0] === 'help' ? [given[1] ?? '--help', '--help'] : given;
  const output = new Output(argv.includes('--json'));
  // A document is the same in every language, and so is what stands beside it.
  if (!output.json) speakByLocale(dist, process.env);
  const ending = new Ending(output);
  let kernel: KernelAccess | undefined;
  try {
    if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
      const loaded = await Promise.all(
        Object.entries(verbs).map(async ([verb, load]) => [verb, await load()] as const),
      );
      output.result({ verbs: loaded.map(([verb, { usage }]) => ({ verb, usage })) }, () => help(loaded));
      return name === undefined ? 2 : 0;
    }
    if (name === '--version' || name === '-V') {
      output.result({ version: __XDP_VERSION__ }, () => __XDP_VERSION__);
      return 0;
    }
    const load = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
    if (load === undefined) {
      const all = Object.keys(verbs);
      throw new XdpError('usage', `There is no verb ${name}.`, {
        fix: [...meant('verb', name, all), english(`Verbs: ${all.join(', ')}.`)].join('\n'),
      });
    }
    const verb = await load();
    if (rest.includes('--help') || rest.includes('-h')) {
      const { usage, summary } = verb;
      const { describeOptions, optionHelp } = await import('./optionHelp.ts');
      const options = optionHelp(name);
      output.result({ usage, summary, options }, () => {
        return `${t('Usage: xdp {0}', usage)}\n\n${translated(summary)}${describeOptions(options)}`;
      });
      return 0;
    }
    kernel = new KernelAccess({
      helperPath: path.join(dist, 'helper.js'),
      execPath: process.execPath,
      elevation: elevation(process.env['XDP_ELEVATION']),
      ...(process.stderr.isTTY ? { askPassword: askOnTerminal } : {}),
      ...(process.env['XDP_DEBUG'] === undefined ? {} : { onLog: (line: string) => output.note(line) }),
    });
    const context: Context = {
      output,
      dist,
      kernel,
      registry: new AttachmentRegistry('cli'),
      build: {
        bundledInclude: path.join(dist, '..', 'bpf', 'include'),
        workspaceRoots: [process.cwd()],
        // An empty variable is what a script has that found nothing.
        ...(process.env['XDP_CLANG'] ? { clangPath: process.env['XDP_CLANG'] } : {}),
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
    // An output that could not be written has its say first.
    process.exitCode ??= code;
  },
  (error: unknown) => {
    process.stderr.write(`xdp: ${String(error)}\n`);
    process.exitCode = 2;
  },
);
