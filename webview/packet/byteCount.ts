import { fill, formatInteger } from '../common/format.ts';
import { strings } from './strings.ts';

/** `1 byte`, `60 bytes`. */
export function byteCount(count: number): string {
  return count === 1 ? strings.oneByte : fill(strings.byteCount, { count: formatInteger(count) });
}
