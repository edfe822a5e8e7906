import path from 'node:path';
import { listBytecode } from '../../core/disassembly/bytecode.ts';
import { textKey } from '../../core/disassembly/places.ts';
import { bytecodeRows, machineRows, type Row } from '../../core/disassembly/rows.ts';
import { XdpError } from '../../core/errors.ts';
import { t } from '../../core/text/language.ts';
import { type BpfObject, chooseProgram, openObject } from '../../session/bpfObject.ts';
import { countTests, testFilesOf } from '../../session/disassembly/runCounts.ts';
import { machineCodeOf, type MachineTarget } from '../../session/disassembly/machine.ts';
import { type Context, type ExitCode, parse, type Verb, wholeNumber } from '../command.ts';

export const disasm: Verb = {
  summary: 'list a program by C line: its bytecode, or what the kernel makes of it',
  usage: 'disasm (FILE.(c|o) [--prog NAME] [--machine | --tests] | --id N)',
  async run(args, context) {
    const options = {
      prog: { type: 'string' },
      machine: { type: 'boolean' },
      tests: { type: 'boolean' },
      id: { type: 'string' },
    } as const;
    const { positionals, values } = parse(this.usage, args, options, { min: 0, max: 1 });
    const [file] = positionals;
    if (values.id !== undefined) {
      if (file !== undefined)
        throw new XdpError('usage', 'A file and --id exclude each other.', { fix: `Usage: xdp ${this.usage}` });
      const id = wholeNumber('--id', values.id, { min: 1, max: 0xffff_ffff });
      return await printMachine(context, { kind: 'loaded', id }, t('program {0}', id));
    }
    if (file === undefined) throw new XdpError('usage', 'An argument is missing.', { fix: `Usage: xdp ${this.usage}` });
    const object = await openObject(file, context.build);
    const { name } = chooseProgram(object, values.prog);
    if (values.machine !== true) return await printBytecode(context, object, name, values.tests === true);
    return await printMachine(
      context,
      { kind: 'file', object, program: name },
      t('{0} of {1}', name, path.basename(object.file)),
    );
  },
};

async function printBytecode(context: Context, object: BpfObject, name: string, counted: boolean): Promise<ExitCode> {
  const { output, build } = context;
  const listing = listBytecode(object.elf, object.spec, name);
  const { program, section, functions, labels, texts } = listing;
  const files = counted ? await testFilesOf(object.file) : [];
  const runs = counted ? await countTests(object, name, files, build) : undefined;
  if (counted && runs === undefined) output.note('No packet test beside the source runs this program.');
  const instructions = listing.instructions.map(({ slot, text, note, place }) => ({
    slot,
    text,
    ...(labels.has(slot) ? { label: labels.get(slot) } : {}),
    ...(note === undefined ? {} : { note }),
    ...(runs === undefined ? {} : { count: runs.counts[slot] ?? 0 }),
    file: place?.file ?? null,
    line: place?.line ?? null,
    column: place?.column ?? null,
    source: place === undefined ? null : (texts.get(textKey(place)) ?? null),
  }));
  const head = t(
    '{0}, section {1}: bytecode of {2}, as it is given to the kernel',
    program,
    section,
    path.basename(object.file),
  );
  const shown = runs && {
    counts: runs.counts,
    origin:
      runs.tests === 1
        ? t('Counted in the built-in machine: 1 packet test of {0}', runs.files.join(', '))
        : t('Counted in the built-in machine: {0} packet tests of {1}', runs.tests, runs.files.join(', ')),
  };
  output.result({ program, section, functions, instructions }, () => textOf(bytecodeRows(listing, [head], shown)));
  return 0;
}

/** The machine code is what is asked for: without it the answer is no. */
async function printMachine(
  { output, kernel, build, signal }: Context,
  target: MachineTarget,
  what: string,
): Promise<ExitCode> {
  const { clangPath } = build;
  const { listing, bytes, remarks, ran } = await machineCodeOf(kernel, target, {
    signal,
    ...(clangPath ? { clangPath } : {}),
  });
  for (const remark of remarks) output.note(remark);
  const { program } = listing;
  const functions = listing.functions.map((fn) => ({
    name: fn.name,
    bytes: fn.bytes,
    blocks: fn.blocks.map(({ place, source, bytecode, machine }) => ({
      file: place?.file ?? null,
      line: place?.line ?? null,
      column: place?.column ?? null,
      source: place === undefined ? null : source,
      bytecode,
      machine,
    })),
  }));
  const runs = ran === undefined ? {} : { runCount: String(ran.count), runTimeNs: String(ran.timeNs) };
  const head = [
    t('{0}: as this kernel runs it, {1} bytes of {2} machine code', what, bytes, process.arch),
    ...(ran === undefined
      ? []
      : [t('Runs while the kernel counted: {0}, {1} ns each', String(ran.count), String(ran.timeNs / ran.count))]),
  ];
  output.result({ program, machineBytes: bytes, ...runs, functions, remarks }, () =>
    textOf(machineRows(listing, head)),
  );
  return bytes > 0 ? 0 : 1;
}

function textOf(rows: readonly Row[]): string {
  return rows.map(({ text }) => text).join('\n');
}
