import { openObject } from '../../session/bpfObject.ts';
import { parse, type Verb } from '../command.ts';
import { table } from '../output.ts';

export const inspect: Verb = {
  summary: 'show the programs and maps of a source or object',
  usage: 'inspect FILE.(c|o)',
  async run(args, { output, build }) {
    const { positionals } = parse(this.usage, args, {}, { min: 1, max: 1 });
    const { spec } = await openObject(positionals[0] ?? '', build);
    const programs = spec.programs.map(({ name, section, type, insns }) => ({ name, section, type, insns }));
    const maps = spec.maps.map(({ name, type, keySize, valueSize, maxEntries, keyType, valueType }) => ({
      name,
      type,
      keySize,
      valueSize,
      maxEntries,
      keyType: keyType ?? null,
      valueType: valueType ?? null,
    }));
    for (const warning of spec.warnings) output.note(warning);
    output.result({ license: spec.license ?? null, programs, maps }, () =>
      [
        `License: ${spec.license ?? 'none (GPL-only helpers will be refused)'}`,
        '',
        table(
          ['PROGRAM', 'SECTION', 'TYPE', 'INSNS'],
          programs.map((each) => [each.name, each.section, each.type, String(each.insns)]),
        ),
        '',
        table(
          ['MAP', 'TYPE', 'KEY', 'VALUE', 'MAX'],
          maps.map((each) => [
            each.name,
            each.type,
            each.keyType ?? `${each.keySize} bytes`,
            each.valueType ?? `${each.valueSize} bytes`,
            String(each.maxEntries),
          ]),
        ),
      ].join('\n'),
    );
    return 0;
  },
};
