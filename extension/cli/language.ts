import { speak } from '../core/text/language.ts';
import { wordsOf } from '../session/words.ts';

/**
 * The words for people in the language of the locale (`LC_ALL`, `LC_MESSAGES`, `LANG`, in this order, as setlocale(3) has it).
 * What `--json` prints is English everywhere, like the names of the kernel.
 * @param dist where this program's own files lie
 */
export function speakByLocale(dist: string, environment: NodeJS.ProcessEnv): void {
  speak(wordsOf(dist, environment['LC_ALL'] || environment['LC_MESSAGES'] || environment['LANG'] || ''));
}
