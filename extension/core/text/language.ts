/**
 * What people read, in their language. The table is the one of `vscode.l10n`: English texts, with `{0}`, `{1}` … for what is put
 * in, to texts of the other language (`extension/host/l10n`); host, CLI and webviews use the same.
 */
export type Catalogue = Readonly<Record<string, string>>;

interface Template {
  /** What stands between the holes, in order; one more than there are holes. */
  pieces: readonly string[];
  /** The numbers of the holes. */
  holes: readonly number[];
  translation: string;
}

/** A template, and what a text has in its holes. */
interface Fit {
  template: Template;
  values: readonly string[];
}

let catalogue: Catalogue = {};
let templates: readonly Template[] | undefined;

/** Once, when a process or a page starts. Without it everything is English. */
export function speak(table: Catalogue): void {
  catalogue = table;
  templates = undefined;
}

/** Says that a text is translated where it is shown: for words that are too short to be known as a sentence by the test. */
export function english(text: string): string {
  return text;
}

/** The text of the table, or English where the table has none. */
export function t(message: string, ...values: readonly (string | number)[]): string {
  return fillIn(wordFor(message) ?? message, values.map(String));
}

/**
 * A finished English text in the reader's language: an error is made in the helper, the session or the core, and stays English in
 * logs, in `--json` and across process boundaries; where it is shown, its words are found again by the template they were
 * made from. Nothing but what is shown depends on it: what no template fits stays as it is.
 */
export function translated(text: string): string {
  if (Object.keys(catalogue).length === 0 || text.length > longestText) return text;
  return text
    .split('\n')
    .map((line) => inOtherWords(line, nesting))
    .join('\n');
}

const longestText = 4000;
/** What is put into a text may be a sentence of its own, and so on, but not for ever; nor is a text of endless parts. */
const nesting = 4;
const mostParts = 9;

function inOtherWords(text: string, depth: number): string {
  const whole = wordFor(text);
  if (whole !== undefined) return whole;
  const best = bestFor(text);
  const inPieces = best === undefined || swallows(best) ? inParts(text, depth) : text;
  if (best === undefined || inPieces !== text) return inPieces;
  const values: string[] = [];
  for (const [index, hole] of best.template.holes.entries()) {
    const value = best.values[index] ?? '';
    // A name is a name, even one that is a word of the table; only what is several words is a text.
    values[hole] = depth > 0 && value.includes(' ') ? inOtherWords(value, depth - 1) : value;
  }
  return fillIn(closedUp(best, values), values);
}

/** Chinese words have no space between them: a translation has some around what is put in, which is mostly a name or a number. */
function closedUp({ template: { translation, holes }, values: before }: Fit, after: readonly string[]): string {
  const words = new Set(
    holes.filter((hole, index) => after[hole] !== before[index] && /^\p{Script=Han}/u.test(after[hole] ?? '')),
  );
  return words.size === 0
    ? translation
    : translation.replace(/ ?\{(\d+)\} ?/g, (hole, number: string) => (words.has(Number(number)) ? hole.trim() : hole));
}

/** The template with the most words of its own that the text fits. */
function bestFor(text: string): Fit | undefined {
  templates ??= Object.entries(catalogue).flatMap(([message, translation]) => templateOf(message, translation));
  let best: Fit | undefined;
  for (const template of templates) {
    if (best !== undefined && lettersOf(template) <= lettersOf(best.template)) continue;
    const values = valuesIn(text, template.pieces);
    if (values !== undefined) best = { template, values };
  }
  return best;
}

/** A template that begins with a hole fits every text with its end: what is several parts has its words in the last of them. */
function swallows({ template, values }: Fit): boolean {
  const [first = ''] = values;
  if (template.pieces[0] !== '' || !(sentenceEnd.test(first) || colonEnd.test(first))) return false;
  const inside = bestFor(first);
  return inside === undefined || swallows(inside);
}

/** What was put together from texts, each by itself: sentences behind each other, `{0}: {1}`, `{0}; {1}`, `{0} ({1})`, `{0}.` */
function inParts(text: string, depth: number): string {
  if (text.split(anyEnd).length > mostParts) return text;
  const sentences = text.split(sentenceEnd);
  if (sentences.length > 1) return joined(sentences, depth, ' ').replaceAll('。 ', '。');
  const lead = leads[text[0] ?? ''];
  if (lead !== undefined) return changed(text.slice(1).trimStart(), depth, (word) => `${lead}${word}`) ?? text;
  const bracket = text.endsWith(')') ? text.lastIndexOf(' (') : -1;
  if (bracket > 0) {
    const parts = joined([text.slice(0, bracket), text.slice(bracket + 2, -1)], depth, ' (', ')');
    if (parts !== text) return parts;
  }
  const withoutEnd = text.endsWith('.') ? changed(text.slice(0, -1), depth, (word) => `${word}。`) : undefined;
  if (withoutEnd !== undefined) return withoutEnd;
  const colon = text.search(colonEnd) + 1;
  if (colon === 0) return atTheBeginning(text, depth) ?? text;
  const between = text.slice(colon, colon + 2);
  const parts = joined([text.slice(0, colon), text.slice(colon + 2)], depth, between);
  return parts === text ? text : parts.replace(between, between === ': ' ? '：' : '；');
}

/** Where a sentence begins with what elsewhere stands inside of one. */
function atTheBeginning(text: string, depth: number): string | undefined {
  const inside = text.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
  return inside === text ? undefined : changed(inside, depth, (word) => word);
}

const anyEnd = /[:;.] | \(/;
const sentenceEnd = /(?<=[a-z\d)\]"'`]\.) (?=[A-Z`"])/;
/** The last character before it. */
const colonEnd = /[\w)\]"'`](?=[:;] )/;
const leads: Readonly<Record<string, string>> = { '.': '。', ',': '，', ';': '；', ':': '：' };

function joined(parts: readonly string[], depth: number, between: string, end = ''): string {
  return parts.map((part) => inOtherWords(part, depth)).join(between) + end;
}

function changed(text: string, depth: number, then: (word: string) => string): string | undefined {
  const word = inOtherWords(text, depth);
  return word === text ? undefined : then(word);
}

function wordFor(message: string): string | undefined {
  return Object.hasOwn(catalogue, message) ? catalogue[message] : undefined;
}

function templateOf(message: string, translation: string): Template[] {
  const pieces = message.split(/\{\d+\}/);
  // What is hardly more than holes would fit everything.
  if (pieces.length === 1 || pieces.join('').replace(/[^A-Za-z]/g, '').length < 5) return [];
  return [{ pieces, holes: [...message.matchAll(/\{(\d+)\}/g)].map(([, hole]) => Number(hole)), translation }];
}

function lettersOf({ pieces }: Template): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/** What stands in the holes, each as short as it can be; undefined where the text does not fit. Linear in the text. */
function valuesIn(text: string, pieces: readonly string[]): string[] | undefined {
  const first = pieces[0] ?? '';
  const last = pieces.at(-1) ?? '';
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return undefined;
  const end = text.length - last.length;
  const values: string[] = [];
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return undefined;
    values.push(text.slice(at, found));
    at = found + piece.length;
  }
  values.push(text.slice(at, end));
  return values;
}

function fillIn(message: string, values: readonly string[]): string {
  return message.replace(/\{(\d+)\}/g, (hole, number: string) => values[Number(number)] ?? hole);
}
