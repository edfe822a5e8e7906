import path from 'node:path';
import { listBytecode } from '../../core/disassembly/bytecode.ts';
import { textKey } from '../../core/disassembly/places.ts';
import { bytecodeRows } from '../../core/disassembly/rows.ts';
import { chooseProgram, openObject } from '../../session/bpfObject.ts';
import { parse, type Verb } from '../command.ts';

export const disasm: Verb = {
  summary: 'list the bytecode of a program by C line, with its relocations in words',
  usage: 'disasm FILE.(c|o) [--prog NAME]',
  async run(args, { output, build }) {
    const { positionals, values } = parse(this.usage, args, { prog: { type: 'string' } }, { min: 1, max: 1 });
    const object = await openObject(positionals[0] ?? '', build);
    const { name } = chooseProgram(object, values.prog);
    const listing = listBytecode(object.elf, object.spec, name);
    const { program, section, functions, labels, texts } = listing;
    const instructions = listing.instructions.map(({ slot, text, note, place }) => ({
      slot,
      text,
      ...(labels.has(slot) ? { label: labels.get(slot) } : {}),
      ...(note === undefined ? {} : { note }),
      file: place?.file ?? null,
      line: place?.line ?? null,
      column: place?.column ?? null,
      source: place === undefined ? null : (texts.get(textKey(place)) ?? null),
    }));
    const head = [
      `${program}, section ${section}: bytecode of ${path.basename(object.file)}, as it is given to the kernel`,
    ];
    output.result({ program, section, functions, instructions }, () =>
      bytecodeRows(listing, head)
        .map(({ text }) => text)
        .join('\n'),
    );
    return 0;
  },
};
