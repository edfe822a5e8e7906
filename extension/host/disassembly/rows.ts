import path from 'node:path';
import * as vscode from 'vscode';
import { listBytecode } from '../../core/disassembly/bytecode.ts';
import { bytecodeRows, type Row } from '../../core/disassembly/rows.ts';
import type { BpfObject } from '../../session/bpfObject.ts';

export function rowsOf({ elf, spec, file }: BpfObject, program: string): readonly Row[] {
  const listing = listBytecode(elf, spec, program);
  const { section } = listing;
  const name = path.basename(file);
  return bytecodeRows(listing, [
    vscode.l10n.t('{0}, section {1}: bytecode of {2}, as it is given to the kernel', program, section, name),
  ]);
}
