import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import type { Catalogue } from '../core/text/language.ts';

const table = v.record(v.string(), v.string());

/**
 * The table of a language's words, for a process that VS Code does not give one to. Empty where the language is another, or the file
 * is not there or not whole: English is better than nothing.
 * @param dist where the product's own programs lie
 * @param language `zh_CN.UTF-8` (a locale), or `zh-cn` (VS Code's)
 */
export function wordsOf(dist: string, language: string): Catalogue {
  if (!/^zh(?:[_-](?:CN|SG|Hans)|[.@]|$)/i.test(language)) return {};
  try {
    const file = path.join(dist, '..', 'extension', 'host', 'l10n', 'bundle.l10n.zh-cn.json');
    const read = v.safeParse(table, JSON.parse(readFileSync(file, 'utf8')));
    return read.success ? read.output : {};
  } catch {
    return {};
  }
}
