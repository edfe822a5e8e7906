import { expect, test } from 'vitest';
import { baseStyles } from '../../webview/common/theme.ts';
import { mapTableStyles } from '../../webview/maps/table/mapTableStyles.ts';

/** What a style sheet inherits by name: Blink keeps no computed style of a parent's children once one of them does that with anything else. */
const inherited = new Set(['color', 'font', 'line-height']);

test.each([
  ['every element', baseStyles],
  ['the table of a map', mapTableStyles],
])('the styles of %s inherit by name only what is inherited anyway', (_, { cssText }) => {
  const named = Array.from(cssText.matchAll(/([a-z-]+):\s*(?:inherit|unset)\b/g), ([, property = '']) => property);
  expect(named.filter((property) => !inherited.has(property))).toEqual([]);
});
