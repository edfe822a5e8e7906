import path from 'node:path';
import { t, translated } from '../../core/text/language.ts';
import { createProject } from '../../session/project/newProject.ts';
import { listTemplates } from '../../session/project/templates.ts';
import { parse, type Verb } from '../command.ts';

export const newProject: Verb = {
  summary: 'make a project from a template: program, packet tests, Makefile, CI',
  usage: 'new [DIR] [--template NAME]',
  async run(args, { output, build }) {
    const { values, positionals } = parse(
      this.usage,
      args,
      { template: { type: 'string', default: 'counter' } },
      { min: 0, max: 1 },
    );
    const bpfFolder = path.dirname(build.bundledInclude);
    const [folder] = positionals;
    if (folder === undefined) {
      const templates = await listTemplates(bpfFolder);
      const width = Math.max(...templates.map(({ name }) => name.length));
      output.result({ templates }, () =>
        [
          ...templates.map(({ name, description }) => `${name.padEnd(width)}  ${translated(description)}`),
          '',
          t('xdp new DIR --template NAME makes a project of one.'),
        ].join('\n'),
      );
      return 0;
    }
    const created = await createProject({ template: values.template, folder, bpfFolder });
    output.result({ ok: true, ...created }, () =>
      [
        t('{0}, from the template {1}:', created.folder, created.template),
        ...created.files.map((file) => `  ${file}`),
      ].join('\n'),
    );
    return 0;
  },
};
