import { speak, t } from '../../extension/core/text/language.ts';

/** The element in which the host hands over the table of its language (`vscode.l10n.bundle`); none where that is English. */
const element = typeof document === 'undefined' ? null : document.getElementById('xdp-language');
if (element !== null) speak(JSON.parse(element.textContent ?? '{}') as Record<string, string>);

type Table = { readonly [name: string]: string | Table };

/** What has a name and an explanation, with both in the page's language. */
export function inWords<const T extends { readonly label: string; readonly help: string }>(about: T): T {
  return { ...about, label: t(about.label), help: t(about.help) };
}

/** The texts of a view, in the page's language: written in English, which is also the key of the table. */
export function inLanguage<const T extends Table>(table: T): T {
  const translate = (texts: Table): Table =>
    Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [name, typeof text === 'string' ? t(text) : translate(text)]),
    );
  return translate(table) as T;
}
