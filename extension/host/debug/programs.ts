/** An XDP program in a C source. */
export interface SourceProgram {
  name: string;
  /** Of its SEC("…"), from the start of the text. */
  offset: number;
}

/** `SEC("xdp") int name(…)`, as far as it can be told without compiling. Macros that hide it are not looked into. */
export function programsIn(text: string): SourceProgram[] {
  const pattern = /\bSEC\s*\(\s*"\??xdp[^"]*"\s*\)\s*(?:[A-Za-z_]\w*\s+)*?int\s+([A-Za-z_]\w*)\s*\(/g;
  return [...text.matchAll(pattern)].map((match) => ({ name: match[1] ?? '', offset: match.index }));
}
