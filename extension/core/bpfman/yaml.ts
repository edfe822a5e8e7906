/** What YAML 1.2 can hold and this product writes. */
export type YamlValue = string | number | boolean | readonly YamlValue[] | { readonly [key: string]: YamlValue };

/** Block style, two spaces. Text is written as a JSON string where a plain one could be read as something else. */
export function toYaml(value: YamlValue): string {
  return `${block(value, '').replace(/^\n/, '')}\n`;
}

function block(value: YamlValue, indent: string): string {
  if (typeof value === 'string') return scalar(value);
  if (typeof value !== 'object') return String(value);
  if (isList(value)) {
    if (value.length === 0) return '[]';
    return value.map((each) => `\n${indent}- ${block(each, `${indent}  `).replace(/^\n\s*/, '')}`).join('');
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  return entries.map(([key, each]) => `\n${indent}${scalar(key)}:${afterKey(block(each, `${indent}  `))}`).join('');
}

function isList(value: YamlValue): value is readonly YamlValue[] {
  return Array.isArray(value);
}

function afterKey(text: string): string {
  return text.startsWith('\n') ? text : ` ${text}`;
}

/** Letters first, then what never has a meaning in YAML; and none of its words. YAML 1.2, section 7.3.3. */
function scalar(text: string): string {
  const plain = /^[A-Za-z_][\w./-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return plain ? text : JSON.stringify(text);
}
