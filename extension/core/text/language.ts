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

let catalogue: Catalogue = {};
let templates: readonly Template[] | undefined;

/** Once, when a process or a page starts. Without it everything is English. */
export function speak(table: Catalogue): void {
  catalogue = table;
  templates = undefined;
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
const nesting = 2;
const mostParts = 6;

function inOtherWords(text: string, depth: number): string {
  const whole = wordFor(text);
  if (whole !== undefined) return whole;
  templates ??= Object.entries(catalogue).flatMap(([message, translation]) => templateOf(message, translation));
  let best: { template: Template; values: string[] } | undefined;
  for (const template of templates) {
    if (best !== undefined && lettersOf(template) <= lettersOf(best.template)) continue;
    const values = valuesIn(text, template.pieces);
    if (values !== undefined) best = { template, values };
  }
  const inPieces = best === undefined || swallows(best) ? inParts(text, depth) : text;
  if (best === undefined || inPieces !== text) return inPieces;
  const values: string[] = [];
  for (const [index, hole] of best.template.holes.entries()) {
    const value = best.values[index] ?? '';
    // A name is a name, even one that is a word of the table; only what is several words is a text.
    values[hole] = depth > 0 && value.includes(' ') ? inOtherWords(value, depth - 1) : value;
  }
  return fillIn(best.template.translation, values);
}

/** A template that begins with a hole fits every text with its end: what is several parts has its words in the last of them. */
function swallows({ template, values }: { template: Template; values: readonly string[] }): boolean {
  return template.pieces[0] === '' && partsEnd.test(values[0] ?? '');
}

/** What was put together from texts, as `{0}: {1}` and as sentences behind each other are: each by itself. */
function inParts(text: string, depth: number): string {
  const pieces = text.split(partsEnd);
  if (depth === 0 || pieces.length === 1 || pieces.length > 2 * mostParts) return text;
  let changed = false;
  const words = pieces.map((piece, index) => {
    if (index % 2 === 1) return piece === ': ' ? '：' : ' ';
    const word = inOtherWords(piece, depth - 1);
    changed ||= word !== piece;
    return word;
  });
  return changed ? words.join('').replaceAll('。 ', '。') : text;
}

/** Behind a colon, or behind a full stop that a capital letter follows. */
const partsEnd = /((?<=[\w)\]"'`]): |(?<=[a-z)\]"'`]\.) (?=[A-Z]))/;

function wordFor(message: string): string | undefined {
  return Object.hasOwn(catalogue, message) ? catalogue[message] : undefined;
}

function templateOf(message: string, translation: string): Template[] {
  const pieces = message.split(/\{\d+\}/);
  // What is hardly more than holes would fit everything.
  if (pieces.length === 1 || pieces.join('').replace(/[^A-Za-z]/g, '').length < 6) return [];
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
