import { execFileSync } from 'node:child_process';
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

test.each(['nothing', '../counter', ''])('%j is no template', async (template) => {
  await expect(createProject({ template, folder: join(project(), 'x'), bpfFolder })).rejects.toMatchObject({
    code: 'usage',
    fix: expect.stringContaining('It is one of: counter, '),
  });
});
