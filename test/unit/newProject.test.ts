import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createProject } from '../../extension/session/project/newProject.ts';
import { listTemplates } from '../../extension/session/project/templates.ts';
import { project, repository } from '../support/toolchain.ts';

const bpfFolder = join(repository, 'bpf');
const templates = await listTemplates(bpfFolder);

test('every example is a template, described in one line', () => {
  const folders = readdirSync(join(bpfFolder, 'examples'), { withFileTypes: true }).filter((one) => one.isDirectory());
  expect(templates.map(({ name }) => name).toSorted()).toEqual(folders.map(({ name }) => name).toSorted());
  for (const { description } of templates) expect(description).toMatch(/^[^|`]{20,}$/);
});

test.each(templates)('$name: a project that builds with make, clang and libbpf alone', async ({ name }) => {
  const folder = join(project(), `my_${name}`);
  const created = await createProject({ template: name, folder, bpfFolder });
  expect(created.files).toEqual(expect.arrayContaining(['.gitignore', '.github/workflows/xdp.yml', 'Makefile']));
  expect(readFileSync(join(folder, 'README.md'), 'utf8')).toMatch(new RegExp(`^# my_${name}\n`));
  const built = execFileSync('make', ['-C', folder], {
    encoding: 'utf8',
    stdio: 'pipe',
    env: { PATH: '/usr/bin:/bin' },
  });
  expect(built).not.toContain('warning');
  const sources = created.files.filter((file) => file.endsWith('.bpf.c'));
  expect(sources).toContain(created.main);
  for (const source of sources) expect(existsSync(join(folder, source.replace(/c$/, 'o'))), source).toBe(true);
  expect(created.files.filter((file) => file.endsWith('.xdptest.json')).length).toBeGreaterThan(0);
  // iproute2 finds a program by its section.
  const attach = execFileSync('make', ['-n', '-C', folder, 'attach', 'IFACE=eth0'], { encoding: 'utf8' });
  const [, section] = /^SEC\("(xdp[^"]*)"\)/m.exec(readFileSync(join(folder, created.main), 'utf8')) ?? [];
  expect(attach).toContain(`object ${created.main.replace(/c$/, 'o')} section ${section}\n`);
});

test('CI finds the command in a package that is committed, and says what to do without one', async () => {
  const folder = join(project(), 'ci');
  await createProject({ template: 'counter', folder, bpfFolder });
  const workflow = readFileSync(join(folder, '.github/workflows/xdp.yml'), 'utf8');
  const step = /name: Get xdp[\s\S]*?run: \|\n((?: {10}.*\n)+)/.exec(workflow)?.[1]?.replace(/^ {10}/gm, '') ?? '';
  const home = join(folder, 'home');
  mkdirSync(home);
  const env = { PATH: process.env['PATH'], HOME: home, GITHUB_PATH: join(folder, 'path') };
  const run = (): ReturnType<typeof spawnSync> =>
    spawnSync('bash', ['-e', '-c', step], { cwd: folder, env, encoding: 'utf8' });
  expect(run()).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/XDP_VSIX: commit vscode-xdp-linux-x64-.*vsix/),
  });
  const inside = join(folder, 'extension/dist');
  mkdirSync(inside, { recursive: true });
  writeFileSync(join(inside, 'cli.js'), "console.log('xdp', ...process.argv.slice(2));\n");
  execFileSync('python3', ['-m', 'zipfile', '-c', 'vscode-xdp-linux-x64-9.9.9.vsix', 'extension'], { cwd: folder });
  expect(run()).toMatchObject({ status: 0, stderr: '' });
  const added = readFileSync(join(folder, 'path'), 'utf8').trim();
  expect(execFileSync(join(added, 'xdp'), ['test', '--engine', 'vm'], { encoding: 'utf8' })).toBe(
    'xdp test --engine vm\n',
  );
});

test('a folder with something in it is left alone', async () => {
  const folder = join(project(), 'mine');
  mkdirSync(folder);
  writeFileSync(join(folder, 'notes.txt'), 'mine');
  await expect(createProject({ template: 'counter', folder, bpfFolder })).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining('is not empty'),
  });
  expect(readdirSync(folder)).toEqual(['notes.txt']);
});

test('where no folder can be made it is said, also where the system says so as if the one above were not there', async () => {
  const choice = { template: 'pass', bpfFolder };
  await expect(createProject({ ...choice, folder: '/proc/xdp/project' })).rejects.toMatchObject({
    code: 'environment',
    message: expect.stringMatching(/^Cannot write \/proc\/xdp\/project: /),
  });
});

test.each(['nothing', '../counter', ''])('%j is no template', async (template) => {
  await expect(createProject({ template, folder: join(project(), 'x'), bpfFolder })).rejects.toMatchObject({
    code: 'usage',
    fix: expect.stringContaining('It is one of: counter, '),
  });
});
