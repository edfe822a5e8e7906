import { Attachments } from '../../session/attach/attachments.ts';
import { parse, type Verb } from '../command.ts';
import { XdpError } from '../../core/errors.ts';
import { t } from '../../core/text/language.ts';

export const detach: Verb = {
  summary: 'detach from an interface, in whatever mode',
  usage: 'detach --iface IF [--netns NS] [--force]',
  async run(args, { output, kernel, registry }) {
    const { values } = parse(
      this.usage,
      args,
      { iface: { type: 'string' }, netns: { type: 'string' }, force: { type: 'boolean', default: false } },
      { min: 0, max: 0 },
    );
    if (values.iface === undefined) {
      throw new XdpError('usage', 'No interface was named.', { fix: `Usage: xdp ${this.usage}` });
    }
    const attachments = new Attachments(kernel, registry);
    const detached = await attachments.detachInterface(values.iface, {
      force: values.force,
      ...(values.netns === undefined ? {} : { netns: values.netns }),
    });
    const shown = detached.map(({ program, progId, mode }) => ({ program, progId, mode }));
    output.result({ iface: values.iface, detached: shown }, () =>
      shown
        .map(({ program, progId, mode }) =>
          t(
            '{0} detached from {1} ({2})',
            program === '' ? t('Program {0}', progId) : program,
            values.iface ?? '',
            mode,
          ),
        )
        .join('\n'),
    );
    return 0;
  },
};
