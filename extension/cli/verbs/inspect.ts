import { t } from '../../core/text/language.ts';
import { openObject } from '../../session/bpfObject.ts';
import { parse, type Verb } from '../command.ts';
import { onOneLine, table } from '../output.ts';

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
        t(
          'License: {0}',
          spec.license === undefined ? t('none (GPL-only helpers will be refused)') : onOneLine(spec.license),
        ),
        '',
        table(
          [t('PROGRAM'), t('SECTION'), t('TYPE'), t('INSNS')],
          programs.map((each) => [each.name, each.section, each.type, String(each.insns)]),
        ),
        '',
        table(
          ['MAP', t('TYPE'), t('KEY'), t('VALUE'), t('MAX')],
          maps.map((each) => [
            each.name,
            each.type,
            each.keyType ?? t('{0} bytes', each.keySize),
            each.valueType ?? t('{0} bytes', each.valueSize),
            String(each.maxEntries),
          ]),
        ),
      ].join('\n'),
    );
    return 0;
  },
};
