import { findLegacyMaps } from '../legacyMaps.ts';
import type { CFunction, CSource } from '../source.ts';
import { t } from '../../text/language.ts';
import type { Finding } from './finding.ts';

/**
 * A print in a program that every packet comes to: before anything is decided, so that nothing but the packet's coming leads
 * there. Who calls the helper by hand, as the kernel's own tests do, is taken to mean it.
 */
export function hotPrints(source: CSource, fn: CFunction): Finding[] {
  const body = source.code.slice(fn.body.start + 1, fn.body.end);
  const decision = /\b(?:if|for|while|do|switch|goto|return)\b|[?{]|&&|\|\|/.exec(body);
  const straight = body.slice(0, decision?.index ?? body.length);
  const print = /(?:^|[;}])\s*(bpf_printk)\s*\(/.exec(straight);
  if (print === null) return [];
  const [all, name = ''] = print;
  const start = fn.body.start + 1 + print.index + all.indexOf(name);
  const message = t(
    '`{0}` runs for every packet here: it takes far longer than the rest of a small program, and all CPUs write into one buffer. Keep it for debugging, or count in a map',
    name,
  );
  return [{ code: 'hot-printk', message, start, end: start + name.length }];
}

/** What libbpf 1.0 took away: github.com/libbpf/libbpf/wiki/Libbpf:-the-road-to-v1.0. */
export function dropped(source: CSource): Finding[] {
  const maps = findLegacyMaps(source.text).map(({ name, start }): Finding => {
    const message = t(
      '`{0}` is defined by `bpf_map_def`, which libbpf 1.0 and newer refuse: define it with BTF, in SEC(".maps")',
      name,
    );
    return { code: 'deprecated', message, start, end: start + 'struct bpf_map_def'.length };
  });
  const pairs = [...source.code.matchAll(/^[ \t]*(BPF_ANNOTATE_KV_PAIR)\s*\(/gm)].map((match): Finding => {
    const [all, name = ''] = match;
    const start = match.index + all.indexOf(name);
    const message = t(
      "`{0}` is gone from libbpf 1.0: the types stand in the map's definition, as `__type(key, …)` and `__type(value, …)`",
      name,
    );
    return { code: 'deprecated', message, start, end: start + name.length };
  });
  return [...maps, ...pairs];
}
