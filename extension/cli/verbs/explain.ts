import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { XdpError } from '../../core/errors.ts';
import { t } from '../../core/text/language.ts';
import { openObject } from '../../session/bpfObject.ts';
import { fileError } from '../../session/userFiles.ts';
import { explainText } from '../../session/verify.ts';
import { parse, type Verb } from '../command.ts';
import { describeFailure } from '../verifierFailure.ts';

export const explain: Verb = {
  summary: 'say in words why the verifier refused a program',
  usage: 'explain LOG [--object FILE.(c|o)]        LOG is a file, or - for standard input',
  async run(args, { output, build }) {
    const { positionals, values } = parse(this.usage, args, { object: { type: 'string' } }, { min: 1, max: 1 });
    const log = await readLog(positionals[0] ?? '');
    const object = values.object === undefined ? undefined : await openObject(values.object, build);
    const failures = explainText(log, object);
    output.result({ failures }, () =>
      failures.length === 0
        ? t('There is no failure of the verifier in this log.')
        : failures
            .map(
              (failure) =>
                `${failure.program === null ? '' : `${t('{0}: rejected', failure.program)}\n`}${describeFailure(failure)}`,
            )
            .join('\n\n'),
    );
    return failures.length > 0 ? 0 : 1;
  },
};

/** What the longest log that the kernel writes takes, and the output of a loader around it. */
const maxLogBytes = 256 << 20;

async function readLog(name: string): Promise<string> {
  const log =
    name === '-'
      ? await text(process.stdin)
      : (
          await readFile(name).catch((cause: unknown) => {
            throw fileError(name, cause);
          })
        ).toString('utf8');
  if (log.length > maxLogBytes) {
    throw new XdpError('usage', `${name} is too long for a log of the verifier (${log.length} characters).`, {
      fix: 'Cut it to the end of the log, which tells why.',
    });
  }
  return log;
}
