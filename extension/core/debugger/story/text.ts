import { t, translated } from '../../text/language.ts';
import type { BranchStep, CallStep, StoryStep, VerdictStory } from './types.ts';

export interface StoryTextOptions {
  /** Is this one of the user's files? What ran in others is left out. */
  isOwn(file: string): boolean;
  /** How a file is named. */
  nameOf(file: string): string;
  /** What stands on a line; undefined where it is not known. */
  lineText(file: string, line: number): string | undefined;
}

/** The story for a terminal: one line for each branch, helper call and loop, and the verdict with its return. */
export function storyText(story: VerdictStory, options: StoryTextOptions): string[] {
  const { end, cut } = story;
  const lines = story.steps.flatMap((step) => stepText(step, options, ''));
  if (cut) lines.push(t('… (the rest of this long run is not told)'));
  if (end.kind === 'running') return lines;
  const what = end.kind === 'verdict' ? `→ ${end.action}` : `✗ ${translated(end.message)}`;
  if (end.place === undefined) return [...lines, what];
  const { file, line } = end.place;
  const text = options.lineText(file, line);
  return [...lines, `${options.nameOf(file)}:${line}  ${text === undefined ? '' : `${text}  `}${what}`];
}

function stepText(step: StoryStep, options: StoryTextOptions, indent: string): string[] {
  if (step.kind === 'repeat') {
    const inner = step.steps.flatMap((each) => stepText(each, options, `${indent}  `));
    return inner.length === 0 ? [] : [`${indent}${t('×{0}, the last time:', step.times)}`, ...inner];
  }
  if (step.kind === 'line' || !options.isOwn(step.file)) return [];
  const at = `${indent}${'  '.repeat(step.depth)}${options.nameOf(step.file)}:${step.line}  `;
  return [`${at}${step.kind === 'call' ? callText(step) : `${branchHead(step)}  ${branchText(step)}`}`];
}

function branchHead({ form, text }: BranchStep): string {
  switch (form) {
    case 'if':
      return `if (${text})`;
    case 'loop':
      return t('loop while ({0})', text);
    case 'switch':
      return `switch (${text})`;
    case 'choice':
      return `${text} ?`;
    case 'value':
      return `return ${text}`;
  }
}

/** `17 ≠ 6 → XDP_PASS` where that decided the verdict, `blocked = null → false` elsewhere. */
export function branchText({ tests, truth, verdict, form }: BranchStep): string {
  const values = tests
    .flatMap((test) => test.values ?? [])
    .map(valueWords)
    .join(', ');
  const shown = form === 'switch' && values !== '' ? `= ${values}` : values;
  const way = verdict ?? (truth === undefined ? undefined : String(truth));
  return [shown, ...(way === undefined ? [] : [`→ ${way}`])].filter((part) => part !== '').join(' ');
}

/** `blocklist[10.0.0.66]: nothing found`, `bpf_xdp_adjust_head() = -22`. */
export function callText({ name, map, key, result }: CallStep): string {
  if (name.startsWith('bpf_map_lookup') && map !== undefined && key !== undefined && result !== undefined)
    return `${map}[${key}]: ${resultWords(result)}`;
  const subject = map === undefined ? '' : key === undefined ? map : `${map}[${key}]`;
  return result === undefined ? `${name}(${subject}) …` : `${name}(${subject}) = ${resultWords(result)}`;
}

/** `ip = ipv4 header at byte 14`: what is a pointer is said in words. */
function valueWords(value: string): string {
  const parts = value.split(/( (?:=|≠|[<>≤≥&]) )/);
  return parts.map((part, index) => (index % 2 === 1 ? part : translated(part))).join('');
}

/** What the recorder says of a pointer; numbers stand for themselves. */
function resultWords(result: string): string {
  switch (result) {
    case 'found':
      return t('found');
    case 'nothing found':
      return t('nothing found');
    case 'a pointer':
      return t('a pointer');
    default:
      return translated(result);
  }
}
