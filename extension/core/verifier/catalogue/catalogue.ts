import { callRules } from './calls.ts';
import { controlRules } from './control.ts';
import { memoryRules } from './memory.ts';
import { offsetRules } from './offsets.ts';
import { resourceRules } from './resources.ts';
import type { Groups, Rule, RuleContext } from './rule.ts';
import { valueRules } from './values.ts';

/** The message templates of kernels 5.15 to 6.18; order matters where one is a part of another. */
export const catalogue: readonly Rule[] = [
  ...memoryRules,
  ...offsetRules,
  ...callRules,
  ...valueRules,
  ...resourceRules,
  ...controlRules,
];

export interface Match {
  rule: Rule;
  /** The message that the rule knows. */
  message: string;
  groups: Groups;
}

const maxMessageChars = 1000;

/** The first rule that knows one of the messages; undefined when none does. */
export function matchRule(messages: readonly string[], context: RuleContext): Match | undefined {
  for (const rule of catalogue) {
    for (const message of messages) {
      const match = rule.pattern.exec(message.slice(0, maxMessageChars));
      if (match === null || rule.when?.(context) === false) continue;
      const groups = Object.fromEntries(Object.entries(match.groups ?? {}).map(([name, text]) => [name, text ?? '']));
      return { rule, message, groups };
    }
  }
  return undefined;
}
