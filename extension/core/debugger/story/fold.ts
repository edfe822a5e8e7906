import type { StoryStep } from './types.ts';

interface Node {
  /** The same for steps at the same place that went the same way. */
  key: string;
  step: StoryStep;
}

/** A loop's body has at most this many steps: a longer one is told round by round. */
const maxBody = 64;

/** Takes steps one by one and folds what repeats itself. Loops in loops fold from the inside. */
export class Folding {
  private readonly nodes: Node[] = [];

  get length(): number {
    return this.nodes.length;
  }

  get steps(): StoryStep[] {
    return this.nodes.map(({ step }) => step);
  }

  add(step: StoryStep): void {
    this.nodes.push({ key: keyOf(step), step });
    while (this.joinRepeat() || this.startRepeat());
  }

  /** The last steps are one more round of the repeat before them. */
  private joinRepeat(): boolean {
    const { nodes } = this;
    for (let at = nodes.length - 2; at >= Math.max(0, nodes.length - 1 - maxBody); at--) {
      const { step } = nodes[at]!;
      if (step.kind !== 'repeat' || step.steps.length !== nodes.length - 1 - at) continue;
      const round = nodes.slice(at + 1);
      if (round.some(({ key }, index) => key !== keyOf(step.steps[index]!))) continue;
      const joined: StoryStep = { kind: 'repeat', times: step.times + 1, steps: round.map((node) => node.step) };
      nodes.splice(at, nodes.length - at, { key: keyOf(joined), step: joined });
      return true;
    }
    return false;
  }

  /** The last steps are the same as those before them. */
  private startRepeat(): boolean {
    const { nodes } = this;
    for (let size = 1; size <= maxBody && 2 * size <= nodes.length; size++) {
      const start = nodes.length - 2 * size;
      let same = 0;
      while (same < size && nodes[start + same]!.key === nodes[start + size + same]!.key) same++;
      if (same < size) continue;
      const steps = nodes.slice(start + size).map(({ step }) => step);
      const repeat: StoryStep = { kind: 'repeat', times: 2, steps };
      nodes.splice(start, 2 * size, { key: keyOf(repeat), step: repeat });
      return true;
    }
    return false;
  }
}

function keyOf(step: StoryStep): string {
  switch (step.kind) {
    case 'line':
      return `line ${step.file}:${step.line} ${step.depth}`;
    case 'branch':
      return `branch ${step.file}:${step.line} ${step.text} ${step.truth} ${step.tests.map(({ truth }) => truth).join()}`;
    case 'call':
      return `call ${step.file}:${step.line} ${step.name} ${step.map}`;
    case 'repeat':
      return `repeat(${step.steps.map(keyOf).join(';')})`;
  }
}
