import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { type Catalogue, speak } from '../core/text/language.ts';

const table = v.record(v.string(), v.string());

/**
 * The words for people in the language of the locale (`LC_ALL`, `LC_MESSAGES`, `LANG`, in this order, as setlocale(3) has it).
 * What `--json` prints is English everywhere, like the names of the kernel.
 * @param dist where this program's own files lie
 */
export function speakByLocale(dist: string, environment: NodeJS.ProcessEnv): void {
  const locale = environment['LC_ALL'] || environment['LC_MESSAGES'] || environment['LANG'] || '';
  if (!/^zh(?:[_-](?:CN|SG|Hans)|[.@]|$)/i.test(locale)) return;
  speak(readTable(path.join(dist, '..', 'extension', 'host', 'l10n', 'bundle.l10n.zh-cn.json')) ?? {});
}

/** Undefined where the file is not there or not whole: English is better than nothing. */
function readTable(file: string): Catalogue | undefined {
  try {
    const read = v.safeParse(table, JSON.parse(readFileSync(file, 'utf8')));
    return read.success ? read.output : undefined;
  } catch {
    return undefined;
  }
}
