import path from 'node:path';
import { XdpError } from '../core/errors.ts';

/** The flags of a compile that an editor's own understanding of C needs: not what is said of output and messages. */
export function editorFlags(command: readonly string[]): string[] {
  const flags: string[] = [];
  for (let at = 1; at < command.length; at++) {
    const arg = command[at] ?? '';
    if (arg === '-o' || arg === '-x') at++;
    else if (arg === '-c' || /^-(?:f(?:no-color|no-caret|diagnostics|error-limit|no-crash)|Werror)/.test(arg)) continue;
    else if (
      arg === '-target' ||
      arg === '-idirafter' ||
      arg === '-isystem' ||
      arg === '-iquote' ||
      arg === '-include'
    ) {
      flags.push(arg, command[++at] ?? '');
    } else if (arg.startsWith('-')) {
      flags.push(arg);
    }
  }
  return flags;
}

export interface SharedFlags {
  /** Relative to the workspace folder, with `/`. */
  file: string;
  /** What `compile()` ran. */
  command: readonly string[];
}

const mark = '# XDP for VS Code: ';

/**
 * A `.clangd` with a fragment for this file, in place of an older one; the rest of it stays as it is.
 * https://clangd.llvm.org/config
 */
export function withClangdFlags(before: string, { file, command }: SharedFlags): string {
  // Fragments are YAML documents; a JSON string is a YAML scalar.
  const fragments = before
    .split(/^---[ \t]*\r?\n/m)
    .filter((each) => each.trim() !== '' && !each.startsWith(`${mark}${file}\n`));
  const pattern = file.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const list = editorFlags(command).map((flag) => `    - ${JSON.stringify(flag)}\n`);
  const own = `${mark}${file}\nIf:\n  PathMatch: ${JSON.stringify(pattern)}\nCompileFlags:\n  Add:\n${list.join('')}`;
  return [...fragments.map((each) => (each.endsWith('\n') ? each : `${each}\n`)), own].join('---\n');
}

/**
 * A `c_cpp_properties.json` of Microsoft's C/C++ extension with a configuration named `XDP`, in place of an older one.
 * https://code.visualstudio.com/docs/cpp/c-cpp-properties-schema-reference
 * @throws {XdpError} `usage` when what is there is not JSON
 */
export function withCppProperties(before: string | undefined, { command }: SharedFlags): string {
  const document = before === undefined || before.trim() === '' ? {} : parse(before);
  const others = Array.isArray(document['configurations']) ? (document['configurations'] as unknown[]) : [];
  const flags = editorFlags(command);
  const after = (flag: string): string[] => flags.filter((_, at) => flags[at - 1] === flag);
  const joined = (flag: string): string[] => flags.filter((each) => each.startsWith(flag)).map((each) => each.slice(2));
  const own = {
    name: 'XDP',
    compilerPath: command[0],
    compilerArgs: ['-target', 'bpf', '-O2', '-g'],
    includePath: [...after('-iquote'), ...joined('-I'), ...after('-isystem'), ...after('-idirafter')],
    defines: joined('-D'),
    forcedInclude: after('-include'),
    intelliSenseMode: process.arch === 'arm64' ? 'linux-clang-arm64' : 'linux-clang-x64',
    cStandard: 'gnu11',
  };
  const kept = others.filter(
    (each) => !(typeof each === 'object' && each !== null && 'name' in each && each.name === 'XDP'),
  );
  return `${JSON.stringify({ version: 4, ...document, configurations: [...kept, own] }, null, 2)}\n`;
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // With comments, or broken: said below.
  }
  throw new XdpError('usage', 'c_cpp_properties.json is not plain JSON, so that nothing is written into it.', {
    fix: 'Take its comments out, or add a configuration by hand: XDP: Show How Current File Is Compiled has the flags.',
  });
}

/** The path of a file below a folder as these files write it; undefined when it is elsewhere. */
export function pathBelow(folder: string, file: string): string | undefined {
  const relative = path.relative(folder, file);
  return relative.startsWith('..') || path.isAbsolute(relative) ? undefined : relative.split(path.sep).join('/');
}
