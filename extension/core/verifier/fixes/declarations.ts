import type { CSource } from '../../c/source.ts';
import { findLegacyMaps } from '../../c/legacyMaps.ts';
import type { QuickFix } from './edits.ts';

/** A licence that the kernel takes for GPL-compatible, where the program has none or another one. */
export function gplLicense(source: CSource): QuickFix {
  const license = source.variables.find(({ section }) => section === 'license');
  if (license?.initializer !== undefined) {
    const start = source.text.indexOf('"', license.span.start + source.text.slice(license.span.start).indexOf('='));
    const end = start + license.initializer.length;
    return { title: 'Change the licence to GPL', edits: [{ start, end, text: '"GPL"' }] };
  }
  const end = source.text.length;
  const gap = source.text.endsWith('\n') ? '\n' : '\n\n';
  return {
    title: 'Add a GPL licence',
    edits: [{ start: end, end, text: `${gap}char _license[] SEC("license") = "GPL";\n` }],
  };
}

/** The legacy map whose definition is at this offset, defined with BTF. */
export function btfMap(source: CSource, offset: number): QuickFix | undefined {
  const map = findLegacyMaps(source.text).find(({ start, end }) => start <= offset && offset <= end);
  if (map === undefined) return undefined;
  return {
    title: `Define \`${map.name}\` with BTF`,
    edits: [{ start: map.start, end: map.end, text: map.replacement }],
  };
}

/** `#include <header>` behind the last include that is there. */
export function addInclude(source: CSource, header: string): QuickFix {
  const last = source.includes.at(-1);
  const at = last?.end ?? 0;
  const text = last === undefined ? `#include <${header}>\n` : `\n#include <${header}>`;
  return { title: `Add #include <${header}>`, edits: [{ start: at, end: at, text }] };
}

/** vmlinux.h holds the types of <linux/…> already. */
export function dropIncludes(source: CSource): QuickFix | undefined {
  if (!source.includes.some(({ header }) => /(?:^|\/)vmlinux\.h$/.test(header))) return undefined;
  const doubled = source.includes.filter(({ header }) =>
    /^(?:uapi\/)?(?:linux|asm|net|sys|netinet|arpa)\//.test(header),
  );
  if (doubled.length === 0) return undefined;
  const edits = doubled.map(({ start, end }) => ({ start, end: source.text[end] === '\n' ? end + 1 : end, text: '' }));
  return { title: 'Drop the includes that vmlinux.h stands for', edits };
}
