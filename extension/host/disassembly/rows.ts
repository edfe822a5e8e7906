import path from 'node:path';
import * as vscode from 'vscode';
import { listBytecode } from '../../core/disassembly/bytecode.ts';
import { bytecodeRows, machineRows, type Row } from '../../core/disassembly/rows.ts';
import { translated } from '../../core/text/language.ts';
import type { BpfObject, BuildOptions } from '../../session/bpfObject.ts';
import { machineCodeOf, type MachineTarget } from '../../session/disassembly/machine.ts';
import { countTests, testFilesOf } from '../../session/disassembly/runCounts.ts';
import type { Services } from '../services.ts';

/** The bytecode, with how often it runs in the packet tests beside the source. */
export async function rowsOf(object: BpfObject, program: string, build: BuildOptions): Promise<readonly Row[]> {
  const { elf, spec, file } = object;
  const listing = listBytecode(elf, spec, program);
  const { section } = listing;
  const name = path.basename(file);
  const head = vscode.l10n.t('{0}, section {1}: bytecode of {2}, as it is given to the kernel', program, section, name);
  // What tests cannot run in the machine has no counts, and its own place to say so.
  const runs = await countTests(object, program, await testFilesOf(file), build).catch(() => undefined);
  return bytecodeRows(
    listing,
    [head],
    runs && {
      counts: runs.counts,
      origin:
        runs.tests === 1
          ? vscode.l10n.t('Counted in the built-in machine: 1 packet test of {0}', runs.files.join(', '))
          : vscode.l10n.t(
              'Counted in the built-in machine: {0} packet tests of {1}',
              runs.tests,
              runs.files.join(', '),
            ),
    },
  );
}

/** What the kernel makes of a program, as it is now. */
export async function machineRowsOf(
  services: Services,
  target: MachineTarget,
  file: vscode.Uri | undefined,
): Promise<{ program: string; rows: readonly Row[] }> {
  const clangPath = file === undefined ? undefined : services.buildOptions(file).clangPath;
  const { listing, bytes, remarks, ran } = await machineCodeOf(services.kernel, target, clangPath ? { clangPath } : {});
  const { program } = listing;
  const head = [
    vscode.l10n.t('{0}: as this kernel runs it, {1} bytes of {2} machine code', program, bytes, process.arch),
    ...remarks.map(translated),
  ];
  if (ran !== undefined) {
    const each = String(ran.timeNs / ran.count);
    head.push(vscode.l10n.t('Runs while the kernel counted: {0}, {1} ns each', String(ran.count), each));
  }
  return { program, rows: machineRows(listing, head) };
}
