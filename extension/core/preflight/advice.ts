import { offloadAdvice } from './offloads.ts';
import { mtuAdvice, queueAdvice } from './refusals.ts';
import { type Advice, adviceCodes, type Situation } from './situation.ts';
import { genericAdvice, occupiedAdvice, pathAdvice, peerAdvice } from './surroundings.ts';

export type { Advice, AdviceCode, Situation } from './situation.ts';

/** What is to be said before a program is attached; warnings first, in the order of `adviceCodes`. Pure. */
export function preflight(situation: Situation): Advice[] {
  const found = [
    ...pathAdvice(situation),
    ...occupiedAdvice(situation),
    ...mtuAdvice(situation),
    ...offloadAdvice(situation),
    ...queueAdvice(situation),
    ...peerAdvice(situation),
    ...genericAdvice(situation),
  ];
  const rank = ({ level, code }: Advice): number => (level === 'warning' ? 0 : 100) + adviceCodes.indexOf(code);
  return found.sort((left, right) => rank(left) - rank(right));
}

/** One line: the cause and the next step. */
export function adviceText({ cause, fix }: Pick<Advice, 'cause' | 'fix'>): string {
  return `${cause}. ${fix}`;
}
