/** One command of a document. */
export interface CommandLine {
  text: string;
  /** For one that stays in the foreground: what it prints once it does its work. */
  ready?: RegExp;
}

/** What a new checkout does anyway, before and around every test run. */
const ofTheCheckout = /^npm (start|test|ci|run (build|bench|soak|package|check|format|test:\w+))\b/;
const stays: readonly { command: RegExp; ready: RegExp }[] = [
  { command: /^xdp attach (?!.*--(keep|replace))/, ready: / attached to / },
  { command: /^\.\/xsk_consumer /, ready: /^waiting on / },
];

/**
 * The commands of a Markdown document, in order: the lines of its code blocks that name no language, or `sh`. A synopsis, or
 * output, is a block of `text`.
 */
export function commandsOf(markdown: string): CommandLine[] {
  const commands: CommandLine[] = [];
  let fence: string | undefined;
  for (const line of markdown.split('\n')) {
    const mark = /^```(\w*)\s*$/.exec(line);
    if (mark) {
      fence = fence === undefined ? (mark[1] ?? '') : undefined;
      continue;
    }
    const text = line.replace(/\s+# .*$/, '').trim();
    if ((fence !== '' && fence !== 'sh') || text === '' || text.startsWith('#') || ofTheCheckout.test(text)) continue;
    const ready = stays.find(({ command }) => command.test(text))?.ready;
    commands.push({ text, ...(ready === undefined ? {} : { ready }) });
  }
  return commands;
}
