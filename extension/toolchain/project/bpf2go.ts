import { basename } from 'node:path';
import { splitCommand } from './flags.ts';

/**
 * The C flags of a `//go:generate … bpf2go … ident source.c -- flags` line that compiles this file.
 * https://pkg.go.dev/github.com/cilium/ebpf/cmd/bpf2go
 */
export function bpf2goArguments(goText: string, file: string): string[] | undefined {
  for (const [, command = ''] of goText.matchAll(/^\/\/go:generate\s+(.*\bbpf2go\b.*)$/gm)) {
    const words = splitCommand(command);
    const end = words.indexOf('--');
    const before = end < 0 ? words : words.slice(0, end);
    if (!before.some((word) => basename(word) === basename(file))) continue;
    const at = before.findIndex((word) => /^--?cflags$/.test(word));
    const joined = before.find((word) => /^--?cflags=/.test(word));
    const cflags = at >= 0 ? (before[at + 1] ?? '') : (joined?.slice(joined.indexOf('=') + 1) ?? '');
    // $BPF_CFLAGS and the like are the environment's.
    const own = [...splitCommand(cflags), ...(end < 0 ? [] : words.slice(end + 1))];
    return own.filter((word) => !word.startsWith('$'));
  }
  return undefined;
}
