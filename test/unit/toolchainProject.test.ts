import { join } from 'node:path';
import { expect, test } from 'vitest';
import { splitCommand, takeFlags } from '../../extension/toolchain/project/flags.ts';
import { compileFile, describeDiagnostics, project } from '../support/toolchain.ts';

const program = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bounds.h"
SEC("xdp") int prog(struct xdp_md *ctx) { return LIMIT > 3 ? XDP_DROP : XDP_PASS; }
char _license[] SEC("license") = "GPL";
`;
/** Two files of that name, so that only the build's own words tell which is meant. */
const twoBounds = { 'first/bounds.h': '#define LIMIT 1\n', 'second/bounds.h': '#define LIMIT 2\n' };

interface Habit {
  name: string;
  /** Beside `src/prog.bpf.c` and the two headers; `ROOT` stands for the project's folder. */
  files: Readonly<Record<string, string>>;
  /** The file that says it, and the flags that were taken; `ROOT` as above. */
  from: string;
  flags: readonly string[];
  ignored?: readonly string[];
}

const habits: readonly Habit[] = [
  {
    name: 'a Makefile above the source, with variables, addprefix and a pattern rule',
    files: {
      Makefile: `
CLANG ?= clang
INCLUDES := second
CFLAGS = -O3 -Wno-unused $(addprefix -I$(CURDIR)/,$(INCLUDES)) \\
         -DVERSION=7 -fplugin=./evil.so -Wp,-MD,evil
build/%.bpf.o: src/%.bpf.c
\t@mkdir -p build
\t$(CLANG) -g -target bpf $(CFLAGS) -D__TARGET_ARCH_$(shell uname -m) -c $< -o $@
`,
    },
    from: 'Makefile',
    flags: ['-O3', '-Wno-unused', '-IROOT/second', '-DVERSION=7'],
    ignored: ['-fplugin=./evil.so', '-Wp,-MD,evil', '-D__TARGET_ARCH_…'],
  },
  {
    name: 'clang and llc in one pipe, the flags in an included file, the branch of a conditional',
    files: {
      'src/Makefile': `
include ../common.mk
ifeq ($(DEBUG),1)
WHERE = second
else
WHERE = first
endif
%.o: %.c
\t$(CLANG) -S -target bpf $(BPF_CFLAGS) -I../$(WHERE)/ -emit-llvm -o - $< | llc -march=bpf -filetype=obj -o $@
`,
      'common.mk': 'CLANG = clang\nBPF_CFLAGS += -Wall -Werror -std=gnu11\n',
    },
    from: 'src/Makefile',
    flags: ['-Wall', '-std=gnu11', '-IROOT/second'],
    ignored: ['-Werror'],
  },
  {
    name: 'the rule that names the file, among others',
    files: {
      'src/Makefile': `
other.o: other.c
\tclang -target bpf -I../first -c other.c -o other.o
prog.bpf.o: prog.bpf.c
\tclang --target=bpf -I ../second -mcpu=v3 -c prog.bpf.c -o prog.bpf.o
`,
    },
    from: 'src/Makefile',
    flags: ['-IROOT/second', '-mcpu=v3'],
  },
  {
    name: 'a compile database, whose entry wins over the Makefile',
    files: {
      'build/compile_commands.json': JSON.stringify([
        { directory: 'ROOT', file: 'src/other.c', arguments: ['clang', '-Ifirst'] },
        {
          directory: 'ROOT',
          file: 'src/prog.bpf.c',
          command: 'clang -target bpf -isystem "second" -include ok.h -c x',
        },
      ]),
      'ok.h': '#define OK 1\n',
      Makefile: '%.o: %.c\n\tclang -target bpf -Ifirst -c $<\n',
    },
    from: 'build/compile_commands.json',
    flags: ['-isystem', 'ROOT/second', '-include', 'ROOT/ok.h'],
  },
  {
    name: "clangd's compile_flags.txt",
    files: { 'compile_flags.txt': '-target\nbpf\n-Isecond\n-Xclang\n-load\n' },
    from: 'compile_flags.txt',
    flags: ['-IROOT/second'],
    ignored: ['-Xclang', '-load'],
  },
  {
    name: 'a bpf2go line',
    files: {
      'src/main.go': `package main
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cc clang -cflags "-O2 $BPF_CFLAGS -Wall" bpf prog.bpf.c -- -I../second
`,
    },
    from: 'src/main.go',
    flags: ['-O2', '-Wall', '-IROOT/second'],
  },
  {
    name: 'CMake with a custom command',
    files: {
      'CMakeLists.txt': `
project(x C) # a comment (with a parenthesis
set(HDRS "\${CMAKE_SOURCE_DIR}/second")
include_directories(first)
add_custom_command(OUTPUT prog.o COMMAND clang -g -O2 "-target bpf" -I\${HDRS} -c \${CMAKE_SOURCE_DIR}/src/prog.bpf.c -o prog.o)
`,
    },
    from: 'CMakeLists.txt',
    flags: ['-O2', '-IROOT/second'],
  },
  {
    name: 'CMake with folders only, in the folder below',
    files: {
      'CMakeLists.txt': 'project(x C)\nadd_subdirectory(src)\n',
      'src/CMakeLists.txt':
        'add_library(p OBJECT prog.bpf.c)\ntarget_include_directories(p PRIVATE ${PROJECT_SOURCE_DIR}/second $<TARGET_PROPERTY:y>)\n',
    },
    from: 'src/CMakeLists.txt',
    flags: ['-IROOT/second'],
    ignored: ['-I…'],
  },
  {
    name: 'Meson',
    files: {
      'meson.build': `
bpf = custom_target('prog', input : 'src/prog.bpf.c', output : 'prog.o',
  command : [ clang, '-g', '-O2', '--target=bpf', '-Isecond', '-c', '@INPUT@', '-o', '@OUTPUT@' ])
`,
    },
    from: 'meson.build',
    flags: ['-O2', '-IROOT/second'],
  },
];

test.each(habits)('$name', async ({ files, from, flags, ignored = [] }) => {
  const root = project({ '.git/HEAD': '', 'src/prog.bpf.c': program, ...twoBounds });
  const at = (text: string): string => text.replaceAll('ROOT', root);
  const { writeFileSync, mkdirSync } = await import('node:fs');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), at(text));
  }
  const result = await compileFile(join(root, 'src/prog.bpf.c'));
  expect(describeDiagnostics(result).filter((text) => text.includes('error'))).toEqual([]);
  expect(result.resolved).toMatchObject({ project: { file: join(root, from) }, flags: flags.map(at) });
  expect(result.resolved.ignored.map(({ flag }) => flag)).toEqual(ignored);
  const dir = join(root, 'second');
  expect(result.resolved.includes).toContain(dir);
  expect(result.resolved.reasons[dir]).toContain(from);
});

test('a build that says nothing of the right folder leaves the choice to the user, by name', async () => {
  const root = project({ '.git/HEAD': '', 'src/prog.bpf.c': program, ...twoBounds });
  const result = await compileFile(join(root, 'src/prog.bpf.c'));
  const candidates = ['first', 'second'].map((name) => join(root, name, 'bounds.h'));
  expect(result).toMatchObject({
    ok: false,
    resolved: { project: null, choices: [{ header: 'bounds.h', candidates }] },
  });
});

test('flags that break a program are dropped, and it is said', async () => {
  const root = project({
    '.git/HEAD': '',
    'prog.bpf.c': program.replace('"bounds.h"', '"second/bounds.h"'),
    'second/bounds.h': twoBounds['second/bounds.h'],
    Makefile: '%.o: %.c\n\tclang -target bpf -include breaks.h -c $<\n',
    'breaks.h': '#error not for this program\n',
  });
  const result = await compileFile(join(root, 'prog.bpf.c'));
  expect(result).toMatchObject({
    ok: true,
    resolved: { flags: [], project: { file: join(root, 'Makefile'), dropped: expect.stringContaining('without') } },
  });
});

test.each([
  ['a folder up', '"../vmlinux/vmlinux.h"'],
  ['a name of its own', '"headers/vmlinux_510.h"'],
])('vmlinux.h is made under the name that is included: %s', async (_name, include) => {
  const text = `#include ${include}\n#include <bpf/bpf_helpers.h>\nSEC("xdp") int f(struct xdp_md *c) { return XDP_PASS; }\n`;
  const root = project({ '.git/HEAD': '', 'src/prog.bpf.c': text });
  const env = { ...process.env, XDG_CACHE_HOME: join(root, 'cache') };
  const result = await compileFile(join(root, 'src/prog.bpf.c'), { env });
  expect(describeDiagnostics(result)).toEqual([]);
});

test.each([
  ["the kernel tree's name of an installed header", '#include <uapi/linux/bpf.h>\n#include "bpf_helpers.h"'],
  [
    "libbpf's headers in a submodule that is not checked out",
    '#include <linux/bpf.h>\n#include "../libbpf/src/bpf_helpers.h"',
  ],
])('%s', async (_name, includes) => {
  const text = `${includes}\nSEC("xdp") int f(struct xdp_md *c) { return XDP_PASS; }\n`;
  const result = await compileFile(join(project({ 'src/prog.bpf.c': text }), 'src/prog.bpf.c'));
  expect(describeDiagnostics(result)).toEqual([]);
});

test('vmlinux.h comes from the object that the user names', async () => {
  const text = '#include "vmlinux.h"\nstruct only_here x;\n';
  const root = project({ 'types.c': 'struct only_here { int a; } one;\n', 'prog.bpf.c': text });
  const types = await compileFile(join(root, 'types.c'));
  const env = { ...process.env, XDG_CACHE_HOME: join(root, 'cache') };
  const result = await compileFile(join(root, 'prog.bpf.c'), { env, vmlinux: types.object ?? '' });
  expect(describeDiagnostics(result)).toEqual([]);
  expect(result.resolved.vmlinux).toContain('vmlinux-types.o-');
  const missing = await compileFile(join(root, 'prog.bpf.c'), { env, vmlinux: join(root, 'none') });
  expect(describeDiagnostics(missing).join('\n')).toContain(`${join(root, 'none')} is not a file`);
});

test('what an older libbpf does not know comes with the extension', async () => {
  const text = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
extern int bpf_one_day(void) __ksym __weak;
SEC("xdp") int f(struct xdp_md *c) { return bpf_ksym_exists(bpf_one_day) ? XDP_PASS : XDP_DROP; }
`;
  const result = await compileFile(join(project({ 'prog.bpf.c': text }), 'prog.bpf.c'));
  expect(describeDiagnostics(result)).toEqual([]);
});

test('only flags that cannot run, load or write anything are taken', async () => {
  const hostile =
    '-fplugin=x.so -Xclang -load -B/tmp/x @args -fpass-plugin=x -Wl,-x -Wa,-x -o /etc/passwd -MF /etc/x -specs=x ' +
    '-ccc-gcc-name x --config=x -fmodules-cache-path=/tmp -ftime-trace=/tmp/x -save-temps -Wp,-MD,/etc/x -serialize-diagnostics /x -iprefix /x';
  const yes = async (): Promise<boolean> => true;
  const context = { from: '/p/Makefile', cwd: '/p', isDirectory: yes, isFile: yes };
  expect((await takeFlags(splitCommand(hostile), context)).taken).toEqual([]);
  expect((await takeFlags(splitCommand(`-I a -D 'X="a b"' -U_Y -O2 -w -Wextra -std=c11`), context)).taken).toEqual([
    '-I/p/a',
    '-DX="a b"',
    '-U_Y',
    '-O2',
    '-w',
    '-Wextra',
    '-std=c11',
  ]);
});
