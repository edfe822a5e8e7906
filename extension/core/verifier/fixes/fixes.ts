import { scanSource } from '../../c/source.ts';
import { addInclude, btfMap, dropIncludes, gplLicense } from './declarations.ts';
import { offsetAt, type QuickFix } from './edits.ts';
import { aligned, atomicAddition, initialise, plainArithmetic } from './memory.ts';
import { boundsCheck, rederive, turnComparison } from './packet.ts';
import { type Site, siteOf } from './site.ts';
import { limitIndex, limitSize, nullCheck } from './values.ts';

/** What a fix looks at of a failure; 1-based, as in `xdp verify --json`. */
export interface FailurePlace {
  code: string;
  line: number;
  column: number;
  expression?: string;
  story?: readonly { text: string }[];
  /** The verifier's own words. */
  message?: string;
}

/**
 * Changes of the source that cure a verifier's failure, where one is safe: it keeps what the program does with every packet that
 * does not run into it. Best first; empty where there is none.
 */
export function verifierFixes(text: string, failure: FailurePlace): QuickFix[] {
  const source = scanSource(text);
  if (failure.code === 'gpl-only') return [gplLicense(source)];
  const site = siteOf(source, { ...failure, expression: failure.expression });
  if (site === undefined) return [];
  switch (failure.code) {
    case 'packet-bounds':
      return packetFixes(site, failure);
    case 'packet-pointer-invalidated':
      return defined(rederive(site));
    case 'null-pointer':
      return defined(nullCheck(site));
    case 'unbounded-offset':
    case 'negative-offset':
    case 'map-value-bounds':
    case 'memory-bounds':
    case 'stack-bounds':
      return limitIndex(site);
    case 'unbounded-size':
    case 'negative-size':
    case 'zero-size':
      return defined(limitSize(site));
    case 'misaligned-access':
      return aligned(site);
    case 'uninitialised-stack':
      return defined(initialise(site));
    case 'atomic-operation':
      return /stores into R\d+ pkt\b/.test(failure.message ?? '') ? defined(plainArithmetic(site)) : [];
    default:
      return [];
  }
}

function packetFixes(site: Site, { story = [] }: FailurePlace): QuickFix[] {
  const turned = turnComparison(site);
  if (turned !== undefined) return [turned];
  // A comparison proves nothing about a pointer that may have moved further than a packet is long.
  const moved = story.some(({ text }) => text.startsWith('a variable offset is added'));
  const limit = story
    .map(({ text }) => /the offset is .*at most (\d+)/.exec(text)?.[1])
    .find((each) => each !== undefined);
  if (moved && (limit === undefined || Number(limit) >= 0xffff)) return [];
  return defined(boundsCheck(site));
}

/** Changes that answer what clang or the toolchain says of a line; `notes` are the notes behind the message. */
export function compilerFixes(
  text: string,
  diagnostic: { line: number; column: number; message: string; notes: readonly string[] },
): QuickFix[] {
  const source = scanSource(text);
  const said = [diagnostic.message, ...diagnostic.notes].join('\n');
  const fixes: QuickFix[] = [];
  const header = /\badd #include <([\w./-]+)>/.exec(said)?.[1];
  if (header !== undefined) fixes.push(addInclude(source, header));
  if (/drop the includes of/.test(said)) fixes.push(...defined(dropIncludes(source)));
  if (/AtomicLoadSub/.test(said)) {
    const offset = offsetAt(text, diagnostic.line, diagnostic.column);
    if (offset !== undefined) fixes.push(...defined(atomicAddition(source, offset)));
  }
  if (/bpf_map_def/.test(said)) {
    const offset = offsetAt(text, diagnostic.line, diagnostic.column);
    if (offset !== undefined) fixes.push(...defined(btfMap(source, offset)));
  }
  return fixes;
}

function defined(fix: QuickFix | undefined): QuickFix[] {
  return fix === undefined ? [] : [fix];
}
