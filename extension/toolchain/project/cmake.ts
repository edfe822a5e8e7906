import { dirname } from 'node:path';
import { unknownValue } from './flags.ts';

interface Command {
  name: string;
  args: string[];
}

export interface CMakeOptions {
  /** Absolute path of this CMakeLists.txt. */
  path: string;
  text: string;
  /** The folder of the topmost CMakeLists.txt. */
  top: string;
}

/**
 * The arguments that CMake would compile a BPF program with: those of a custom command that runs clang for BPF, else the
 * include directories and definitions of the folder. Not run: https://cmake.org/cmake/help/latest/manual/cmake-language.7.html
 */
export function cmakeArguments({ path, text, top }: CMakeOptions): string[] {
  const dir = dirname(path);
  const variables = new Map<string, string>(
    Object.entries({
      CMAKE_SOURCE_DIR: top,
      PROJECT_SOURCE_DIR: top,
      CMAKE_CURRENT_SOURCE_DIR: dir,
      CMAKE_CURRENT_LIST_DIR: dir,
    }),
  );
  const general: string[] = [];
  for (const { name, args } of commands(text)) {
    const values = args.flatMap((arg) => expand(arg, variables).split(';')).filter((arg) => arg !== '');
    switch (name) {
      case 'set':
        variables.set(args[0] ?? '', values.slice(1).join(';'));
        break;
      case 'list':
        if (/^append$/i.test(args[0] ?? '')) {
          const old = variables.get(args[1] ?? '');
          variables.set(args[1] ?? '', [...(old === undefined ? [] : [old]), ...values.slice(2)].join(';'));
        }
        break;
      case 'include_directories':
        general.push(...folders(values));
        break;
      case 'target_include_directories':
        general.push(...folders(values.slice(1)));
        break;
      case 'add_definitions':
      case 'add_compile_options':
        general.push(...values);
        break;
      case 'add_compile_definitions':
        general.push(...values.map((value) => `-D${value}`));
        break;
      case 'add_custom_command':
      case 'add_custom_target':
      case 'execute_process': {
        // "-target bpf" may stand in one argument with its value.
        const words = values.flatMap((value) => (value.startsWith('-') ? value.split(/\s+/) : [value]));
        if (/(?:--?target[= ]|-march=)bpf/.test(words.join(' '))) return words;
        break;
      }
    }
  }
  return general;
}

function folders(values: readonly string[]): string[] {
  const words = /^(?:PUBLIC|PRIVATE|INTERFACE|SYSTEM|BEFORE|AFTER)$/;
  return values.filter((value) => !words.test(value)).map((value) => `-I${value}`);
}

function* commands(text: string): Generator<Command> {
  const plain = withoutBlocks(text).replaceAll(/(^|\s)#.*/g, '$1');
  // From a word's beginning on, so that a long one is read once.
  const start = /\b([A-Za-z_]\w*)[ \t]*\(/g;
  for (let match = start.exec(plain); match !== null; match = start.exec(plain)) {
    const { args, end } = readArguments(plain, start.lastIndex);
    start.lastIndex = end;
    yield { name: (match[1] ?? '').toLowerCase(), args };
  }
}

/** Bracket comments: `#[[ … ]]`. */
function withoutBlocks(text: string): string {
  let result = '';
  let at = 0;
  for (;;) {
    const open = text.indexOf('#[[', at);
    const close = open < 0 ? -1 : text.indexOf(']]', open);
    if (close < 0) return result + text.slice(at);
    result += text.slice(at, open);
    at = close + 2;
  }
}

function readArguments(text: string, from: number): { args: string[]; end: number } {
  const args: string[] = [];
  let depth = 1;
  let at = from;
  while (at < text.length) {
    const char = text[at] ?? '';
    if (char === '(') {
      depth++;
      at++;
    } else if (char === ')') {
      at++;
      if (--depth === 0) break;
    } else if (char === '"') {
      const end = /(?:\\[\s\S]|[^"\\])*"/y;
      end.lastIndex = at + 1;
      const quoted = end.exec(text)?.[0] ?? text.slice(at + 1);
      args.push(quoted.slice(0, -1).replaceAll(/\\([\s\S])/g, '$1'));
      at += quoted.length + 1;
    } else if (/\s/.test(char)) {
      at++;
    } else {
      const end = /[^\s()"]+/y;
      end.lastIndex = at;
      const word = end.exec(text)?.[0] ?? char;
      args.push(word);
      at += word.length;
    }
  }
  return { args, end: at };
}

function expand(text: string, variables: ReadonlyMap<string, string>, depth = 0): string {
  if (depth > 8) return unknownValue;
  return text
    .replaceAll(/\$<BUILD_INTERFACE:([^<>]*)>/g, '$1')
    .replaceAll(/\$<[^>]{0,1000}>/g, unknownValue)
    .replaceAll(/\$\{([^{}$]*)\}/g, (_all, name: string) => {
      const value = variables.get(name);
      return value === undefined ? unknownValue : expand(value, variables, depth + 1);
    })
    .slice(0, 32_768);
}
