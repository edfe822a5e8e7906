/**
 * The flags in a meson.build's list that compiles for BPF, whether it stands in a command or in a variable that one uses:
 * `bpf_args = ['-target', 'bpf', '-I../include']`. Only texts are read; what is put together from calls is not.
 */
export function mesonArguments(text: string): string[] {
  const plain = text.replaceAll(/(^|\s)#.*/g, '$1');
  for (const list of plain.matchAll(/\[([^[\]]*)\]/g)) {
    const words = [...(list[1] ?? '').matchAll(/'((?:[^'\\\n]|\\.)*)'/g)].map((match) => match[1] ?? '');
    if (/(?:--?target[= ]|-march=)bpf/.test(words.join(' '))) return words;
  }
  return [];
}
