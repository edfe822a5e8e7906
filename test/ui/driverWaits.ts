import { setTimeout as sleep } from 'node:timers/promises';
import type { Locator } from 'playwright-core';

/** Asks until there is an answer that is not undefined. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, timeoutMs = 20_000): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadlineMs) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`);
    await sleep(100);
  }
}

/** Matches a whole text, white space around it aside. */
export function exactly(text: string): RegExp {
  return new RegExp(`^\\s*${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*$`);
}

/** As people read them: VS Code draws spaces as no-break spaces. */
export async function textsOf(elements: Locator): Promise<string[]> {
  return (await elements.allInnerTexts()).map((text) => text.replaceAll('\u00a0', ' ').trimEnd());
}
