import { isAbsolute, resolve } from 'node:path';

/** Flags of a project's own build, of which only harmless ones are taken. */
export interface ProjectFlags {
  /** The file that says so: a compile database, a Makefile, … Absolute. */
  from: string;
  /** Ready for clang, paths absolute. */
  taken: string[];
  ignored: IgnoredFlag[];
}

export interface IgnoredFlag {
  flag: string;
  why: string;
}

/** What the project's flags are read with; nothing here runs anything. */
export interface FlagContext {
  from: string;
  /** What relative paths are relative to. Absolute. */
  cwd: string;
  isDirectory: (path: string) => Promise<boolean>;
  isFile: (path: string) => Promise<boolean>;
}

/** Stands for what only running the build could tell: `$(shell …)`, an unknown variable. */
export const unknownValue = '\0';

const folderFlags = ['-iquote', '-isystem', '-idirafter', '-I'] as const;
const pairedFlags = new Set([...folderFlags, '-D', '-U', '-include', '-std', '-mcpu']);
/** Flags of the compile itself, which every compile here has, or has in its own way: not worth a word. */
const ownFlags =
  /^(?:-c|-S|-emit-llvm|-g\w*|-O0?|-target|--target=.*|-target=.*|bpf|bpfel|-o|-x|-M[DMPGTQF]?|-|-fno-color-diagnostics|-nostdinc)$/;
const ownPairs = new Set(['-target', '-o', '-x', '-MF', '-MT', '-MQ']);

/**
 * Sorts a command line's arguments. Only what cannot make clang run, load or write anything is taken: folders, macros, a
 * file to include first, the language's version, the CPU, warnings and the level of optimisation.
 */
export async function takeFlags(args: readonly string[], context: FlagContext): Promise<ProjectFlags> {
  const flags: ProjectFlags = { from: context.from, taken: [], ignored: [] };
  const ignore = (flag: string, why: string): void => {
    flags.ignored.push({ flag: flag.replaceAll(unknownValue, '…'), why });
  };
  for (let at = 0; at < args.length && at < 4000; at++) {
    const arg = args[at] ?? '';
    const name = folderFlags.find((flag) => arg.startsWith(flag)) ?? /^(?:-include|-[DU])/.exec(arg)?.[0];
    if (name !== undefined) {
      const value = arg === name ? (args[++at] ?? '') : arg.slice(name.length).replace(/^=/, '');
      await takePair(name, value, { context, flags, ignore });
    } else if (pairedFlags.has(arg)) {
      at++;
    } else if (ownPairs.has(arg)) {
      at++;
    } else if (/^-(?:std|mcpu)=[\w.+-]+$/.test(arg) || /^-O(?:[123sz]|fast)$/.test(arg) || isWarning(arg)) {
      flags.taken.push(arg);
    } else if (arg.startsWith('-Werror')) {
      ignore(arg, 'warnings stay warnings here');
    } else if (arg.startsWith('-') && !ownFlags.test(arg)) {
      ignore(arg, 'flags of this kind are not taken from a project');
    } else if (/^@.*[^@]$/.test(arg)) {
      ignore(arg, 'files of more flags are not read');
    }
  }
  return flags;
}

/** -Wl, -Wa and -Wp hand words to other tools, and those can write files. */
function isWarning(arg: string): boolean {
  return arg === '-w' || (/^-W[\w+=#-]+$/.test(arg) && !/^-W(?:error|[alp],)/.test(arg));
}

interface PairSink {
  context: FlagContext;
  flags: ProjectFlags;
  ignore: (flag: string, why: string) => void;
}

async function takePair(name: string, value: string, { context, flags, ignore }: PairSink): Promise<void> {
  const shown = `${name}${name === '-include' ? ' ' : ''}${value}`;
  if (value === '') return;
  if (value.includes(unknownValue)) return ignore(shown, 'only running the build would tell its value');
  if (name === '-D' || name === '-U') {
    if (!/^[A-Za-z_]\w*(?:\([^)]*\))?(?:=[\s\S]*)?$/.test(value)) return ignore(shown, 'it is not the name of a macro');
    flags.taken.push(`${name}${value}`);
    return;
  }
  const path = isAbsolute(value) ? value : resolve(context.cwd, value);
  if (name === '-include') {
    // Else clang would look for it in the include folders; a name that is a file in neither is an error of the build.
    const at = (await context.isFile(path)) ? path : value;
    if (isAbsolute(at)) flags.taken.push('-include', at);
    else ignore(shown, `${path} does not exist`);
    return;
  }
  if (!(await context.isDirectory(path))) return ignore(shown, `${path} does not exist`);
  if (name === '-I') flags.taken.push(`-I${path}`);
  else flags.taken.push(name, path);
}

/** Splits a command as a shell would, and expands nothing. */
export function splitCommand(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let inWord = false;
  let quote: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (quote !== undefined) {
      if (char === quote) quote = undefined;
      else if (char === '\\' && quote === '"' && /["\\$`]/.test(text[at + 1] ?? '')) word += text[++at] ?? '';
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      inWord = true;
    } else if (char === '\\') {
      word += text[++at] ?? '';
      inWord = true;
    } else if (/\s/.test(char)) {
      if (inWord) words.push(word);
      word = '';
      inWord = false;
    } else if (char === '|' || char === ';' || char === '&') {
      if (inWord) words.push(word);
      words.push(char);
      word = '';
      inWord = false;
    } else {
      word += char;
      inWord = true;
    }
  }
  if (inWord) words.push(word);
  return words;
}

/** The arguments compile BPF, whatever the host is. */
export function isForBpf(args: readonly string[]): boolean {
  return args.some(
    (arg, index) =>
      /^(?:-target=|--target=|-march=)bpf/.test(arg) ||
      (/^-(?:-)?target$/.test(arg) && args[index + 1]?.startsWith('bpf') === true),
  );
}
