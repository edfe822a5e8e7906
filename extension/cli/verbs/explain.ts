import { createReadStream } from 'node:fs';
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

/** Piece by piece: what is named may be a pipe or a device without an end. */
async function readLog(name: string): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of name === '-' ? process.stdin : createReadStream(name)) {
      pieces.push(piece as Buffer);
      bytes += (piece as Buffer).length;
      if (bytes > maxLogBytes) {
        throw new XdpError('usage', `${name} is too long for a log of the verifier (over ${maxLogBytes >> 20} MiB).`, {
          fix: 'Cut it to the end of the log, which tells why.',
        });
      }
    }
  } catch (cause) {
    throw fileError(name, cause);
  }
  return Buffer.concat(pieces).toString('utf8');
}
