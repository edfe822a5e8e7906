import { t, translated } from '../../text/language.ts';
import { branchText, callText } from './text.ts';
import type { BranchStep, StoryStep, VerdictStory } from './types.ts';

/** What an editor says behind a line. */
export interface LineNote {
  /** Short: `17 ≠ 6 → true`. */
  text: string;
  /** Everything that there is to say, a line each. */
  details: string[];
  /** The line on which the verdict or the fault was decided. */
  isEnd: boolean;
}

/** Characters; what is longer is in the details. */
const maxText = 100;
const maxDetails = 12;

interface Gathered {
  branches: Map<string, { last: BranchStep; yes: number; no: number; other: number }>;
  calls: string[];
  callCount: number;
}

/** The lines of a file that ran, 1-based in order, and what to say about them. */
export function notesOf(story: VerdictStory, file: string): { lines: number[]; notes: Map<number, LineNote> } {
  const counts = story.lines.get(file) ?? new Map<number, number>();
  const gathered = new Map<number, Gathered>();
  gather(story.steps, file, gathered, 1);
  const notes = new Map<number, LineNote>();
  for (const [line, { branches, calls, callCount }] of gathered) {
    const told = [...branches.values()].map(toldBranch);
    const details = [...told.map(({ detail }) => detail), ...calls.slice(0, maxDetails)];
    if (callCount > maxDetails) details.push(t('… {0} more', callCount - maxDetails));
    const last = calls.at(-1);
    const parts = [
      ...(last === undefined ? [] : [callCount > 1 ? `${last} (×${callCount})` : last]),
      ...told.map(({ text }) => text),
    ];
    notes.set(line, { text: clipped(parts.join('; ')), details, isEnd: false });
  }
  const { end } = story;
  if (end.kind !== 'running' && end.place?.file === file) {
    const text = end.kind === 'verdict' ? `→ ${end.action}` : `✗ ${translated(end.message)}`;
    const { line } = end.place;
    const known = notes.get(line);
    notes.set(line, {
      text: clipped(known === undefined || known.text.endsWith(text) ? text : `${known.text} ${text}`),
      details: [...(known?.details ?? []), text],
      isEnd: true,
    });
  }
  return { lines: [...counts.keys()].sort((a, b) => a - b), notes };
}

function gather(steps: readonly StoryStep[], file: string, into: Map<number, Gathered>, times: number): void {
  for (const step of steps) {
    if (step.kind === 'repeat') {
      gather(step.steps, file, into, times * step.times);
      continue;
    }
    if (step.kind === 'line' || step.file !== file) continue;
    const line = step.kind === 'branch' ? step.endLine : step.line;
    const known: Gathered = into.get(line) ?? { branches: new Map(), calls: [], callCount: 0 };
    into.set(line, known);
    if (step.kind === 'call') {
      known.callCount += times;
      known.calls.push(callText(step));
      continue;
    }
    const counts = known.branches.get(step.text) ?? { last: step, yes: 0, no: 0, other: 0 };
    counts[step.truth === undefined ? 'other' : step.truth ? 'yes' : 'no'] += times;
    known.branches.set(step.text, { ...counts, last: step });
  }
}

function toldBranch({ last, yes, no, other }: { last: BranchStep; yes: number; no: number; other: number }): {
  text: string;
  detail: string;
} {
  const text = branchText(last);
  const detail = `${last.text}: ${text}`;
  if (yes + no + other === 1) return { text, detail };
  const sides = [
    ...(yes > 0 ? [`true ×${yes}`] : []),
    ...(no > 0 ? [`false ×${no}`] : []),
    ...(other > 0 ? [`×${other}`] : []),
  ].join(', ');
  return { text: t('{0}; last: {1}', sides, text), detail: t('{0}: {1}; the last time: {2}', last.text, sides, text) };
}

function clipped(text: string): string {
  return text.length > maxText ? `${text.slice(0, maxText - 1)}…` : text;
}
