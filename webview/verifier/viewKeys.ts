/** What a key in the list of steps asks for. */
export type ViewKey =
  | { kind: 'move'; rows: number }
  | { kind: 'end'; which: 'first' | 'last' }
  | { kind: 'change'; direction: 'back' | 'on' }
  | { kind: 'branch'; direction: 1 | -1 }
  | { kind: 'register'; register: number }
  | { kind: 'source' | 'filter' | 'forget' };

const page = 15;

const keys: Readonly<Record<string, ViewKey>> = {
  ArrowDown: { kind: 'move', rows: 1 },
  ArrowUp: { kind: 'move', rows: -1 },
  PageDown: { kind: 'move', rows: page },
  PageUp: { kind: 'move', rows: -page },
  Home: { kind: 'end', which: 'first' },
  End: { kind: 'end', which: 'last' },
  ArrowLeft: { kind: 'change', direction: 'back' },
  ArrowRight: { kind: 'change', direction: 'on' },
  n: { kind: 'branch', direction: 1 },
  p: { kind: 'branch', direction: -1 },
  Enter: { kind: 'source' },
  '/': { kind: 'filter' },
  Escape: { kind: 'forget' },
};

export function keyOf({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): ViewKey | undefined {
  if (ctrlKey || metaKey || altKey) return undefined;
  if (/^\d$/.test(key)) return { kind: 'register', register: Number(key) };
  return Object.hasOwn(keys, key) ? keys[key] : undefined;
}
