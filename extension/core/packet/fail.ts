import { XdpError, type XdpErrorDetails } from '../errors.ts';

/** A packet that cannot be built as asked. `layer`, `field` and `position` (0-based, in the text) say where. */
export function packetInvalid(message: string, details: XdpErrorDetails = {}, fix?: string): XdpError {
  return new XdpError('packet-invalid', message, fix === undefined ? { details } : { details, fix });
}

/** `Did you mean …?` for a name that is nearly one of `names`, else the first few that exist. */
export function suggest(name: string, names: readonly string[]): string {
  const best = nearest(name, names);
  return best === undefined
    ? `Known: ${names.slice(0, 24).join(', ')}${names.length > 24 ? ', …' : ''}.`
    : `Did you mean ${best}?`;
}

/** The one of `names` that this name is nearly, or begins; undefined where none is. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  const longer = wanted.length < 2 ? undefined : names.find((known) => known.toLowerCase().startsWith(wanted));
  if (longer !== undefined) return longer;
  let best: string | undefined;
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  let bestScore = Number.POSITIVE_INFINITY;
  for (const candidate of names) {
    const known = candidate.toLowerCase();
    const distance = editDistance(wanted, known);
    // The first letter is rarely the slip.
    const score = distance - (known[0] === wanted[0] ? 0.5 : 0);
    if (distance <= limit && score < bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

/** Letters that are missing, too many, others, or swapped with their neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 8 || a.length > 64) return 99;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      }
      next.push(best);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 99;
}
