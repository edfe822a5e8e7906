import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { padded } from '../../extension/cli/columns.ts';
import { table } from '../../extension/cli/output.ts';
import { type Catalogue, speak, t, translated } from '../../extension/core/text/language.ts';
import { explainText } from '../../extension/session/verify.ts';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { messagesInSource, messagesOf } from '../support/messages.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): Catalogue => JSON.parse(readFileSync(path.join(root, file), 'utf8')) as Catalogue;
const chinese = read('extension/host/l10n/bundle.l10n.zh-cn.json');
const holes = (text: string): string => [...new Set<string>(text.match(/\{\w+\}/g) ?? [])].sort().join(' ');

const filled = (text: string, values: readonly string[]): string =>
  text.replace(/\{(\d+)\}/g, (_, hole: string) => values[Number(hole)] ?? '');

afterEach(() => speak({}));

describe('what people read at run time', () => {
  const source = messagesInSource();

  test('has a line in extension/host/l10n/bundle.l10n.zh-cn.json', () => {
    expect(source.length).toBeGreaterThan(900);
    const missing = source.filter(({ text }) => !Object.hasOwn(chinese, text));
    expect(missing.map(({ text, file }) => `${file}: ${text}`)).toEqual([]);
  });

  test('and no line there is of a text that is gone', () => {
    const used = new Set(source.map(({ text }) => text));
    expect(Object.keys(chinese).filter((text) => !used.has(text))).toEqual([]);
  });

  test('in the order of the English texts, so that two people seldom change the same place', () => {
    const english = Object.keys(chinese);
    expect(english).toEqual([...english].sort());
  });

  test('and the same is put in', () => {
    const wrong = Object.entries(chinese).filter(([english, text]) => text === '' || holes(text) !== holes(english));
    expect(wrong).toEqual([]);
  });
});

describe('the manifest', () => {
  const [english, translatedManifest] = [read('package.nls.json'), read('package.nls.zh-cn.json')];
  const used = [...readFileSync(path.join(root, 'package.json'), 'utf8').matchAll(/"%([\w.]+)%"/g)].flatMap(
    ([, key]) => key ?? [],
  );

  test('has every key in both languages, and no other', () => {
    expect(Object.keys(translatedManifest).sort()).toEqual(Object.keys(english).sort());
    expect(Object.keys(english).sort()).toEqual([...new Set(used)].sort());
  });

  test('has the same code, numbers and names of the kernel in both languages', () => {
    const fixed = (text: string): string[] =>
      [...text.matchAll(/`[^`]*`|\d+|(?:CAP|XDP)_\w+/g)].map(([found]) => found).sort();
    for (const [key, text] of Object.entries(english))
      expect(fixed(translatedManifest[key] ?? ''), key).toEqual(fixed(text));
  });

  test('has the same commands in both languages', () => {
    const commands = (text: string): string[] => [...text.matchAll(/command:[\w.]+/g)].map(([found]) => found).sort();
    for (const [key, text] of Object.entries(english))
      expect(commands(translatedManifest[key] ?? '')).toEqual(commands(text));
  });

  test('has its walkthrough in both languages', () => {
    const folder = path.join(root, 'extension/host/media/walkthrough');
    const pages = readdirSync(folder).filter((name) => /^\w+\.md$/.test(name));
    expect(pages.length).toBeGreaterThan(5);
    const pictures = (page: string): string[] =>
      [...readFileSync(path.join(folder, page), 'utf8').matchAll(/\((\w+)((?:\.zh-cn)?)\.svg\)/g)].map(
        ([, name = '', language = '']) => {
          expect(existsSync(path.join(folder, `${name}${language}.svg`))).toBe(true);
          // Names of fields are the same in both.
          const own = existsSync(path.join(folder, `${name}.zh-cn.svg`)) && page.includes('zh-cn') ? '.zh-cn' : '';
          expect(language).toBe(own);
          return name;
        },
      );
    for (const page of pages) expect(pictures(page.replace('.md', '.zh-cn.md'))).toEqual(pictures(page));
  });
});

test('the front page says the same in both languages', () => {
  const parts = (file: string): object => {
    const text = readFileSync(path.join(root, file), 'utf8');
    const all = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, found]) => found ?? '');
    return {
      headings: all(/^(#+) /gm),
      steps: all(/^(\d+)\. /gm),
      pictures: all(/!\[[^\]]*\]\(([^)]+)\)/g),
      code: all(/^```\n([\s\S]*?)^```$/gm),
      links: [...new Set(all(/\]\((docs\/[\w./-]+\.md|bpf\/[\w./-]+)\)/g))].sort(),
      commands: all(/`(xdp\s[a-z-]+\s(?:--)?[a-z][\w-]*)/g)
        .map((command) => command.replaceAll(/\s/g, ' '))
        .sort(),
    };
  };
  expect(parts('README.zh-CN.md')).toEqual(parts('README.md'));
});

describe('a finished text', () => {
  const examples = Object.entries(chinese).filter(
    ([text]) => /\{0\}/.test(text) && text.replace(/\{\d+\}/g, '').length > 20,
  );

  test('is put into the other language by the template it was made from', () => {
    speak(chinese);
    const values = ['xdp_drop', 'veth0', '12', 'a1', 'b2', 'c3'];
    const wrong = examples.filter(([english]) => translated(filled(english, values)) !== t(english, ...values));
    expect(wrong).toEqual([]);
  });

  test('that no template fits stays as it is, and so does every text in English', () => {
    speak(chinese);
    expect(translated('Nobody has written this one.')).toBe('Nobody has written this one.');
    speak({});
    expect(translated('Save the file first.')).toBe('Save the file first.');
  });

  test('keeps what is put in, but a sentence in it is translated too', () => {
    speak({ 'Name a map: {0}.': '请指定 map：{0}。', 'None of {0} is loaded': '{0} 都未加载', Open: '打开' });
    expect(translated('Name a map: Open.')).toBe('请指定 map：Open。');
    expect(translated('Name a map: None of Open is loaded.')).toBe('请指定 map：Open 都未加载。');
    speak({ 'the other end': '另一端', 'no room on {0} for it': '在 {0} 上没有空间' });
    expect(translated('no room on the other end for it')).toBe('在另一端上没有空间');
    expect(translated('no room on eth0 for it')).toBe('在 eth0 上没有空间');
  });

  test('that was joined from others is translated part by part', () => {
    speak({ 'no room': '没有空间', 'Try again.': '请重试。', '{0} packets so far': '目前为止 {0} 个数据包' });
    expect(translated('xdp_fwd on veth0: no room: 12 packets so far')).toBe(
      'xdp_fwd on veth0：没有空间：目前为止 12 个数据包',
    );
    expect(translated('Nobody knows. Try again.')).toBe('Nobody knows. 请重试。');
    expect(translated('a.c:3: this. That')).toBe('a.c:3: this. That');
  });

  test('however long takes no time', () => {
    speak({ 'a {0} b {1} c {2} dddd {3}': '{0}{1}{2}{3}' });
    for (const hostile of [`a ${'b c '.repeat(900)}`, 'a: '.repeat(1300), 'a: a. A'.repeat(500)])
      expect(translated(hostile)).toBe(hostile);
  });
});

test('what the verifier refuses is told in Chinese to the last word', () => {
  speak(chinese);
  const folder = path.join(root, 'test/fixtures/verifier');
  const logs = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.log'));
  const told = logs
    .flatMap((file) => explainText(readFileSync(path.join(folder, file), 'utf8')))
    .flatMap(({ explanation, fix = '', story }) => [explanation, fix, ...story.map(({ text }) => text)])
    .map(translated);
  expect(told.length).toBeGreaterThan(20);
  // Code stands in backticks, but for C types and names of maps.
  const english = told.filter((text) => /[a-z]{2,} [a-z]{2,}/.test(text.replace(/`[^`]*`|per-CPU array map/g, '')));
  expect(english).toEqual([]);
});

test('texts are found in the source wherever they stand', () => {
  const source = `
    vscode.l10n.t('one {0}', x); t('two');
    throw new XdpError('usage', \`three \${a} and \${b}\`, { fix: wide ? 'four' : \`five \${c}\` });
    output.note(\`six \${a} \` + \`and \${b}\`);
    reasons.push('seven is a sentence' + (more ? \`, and so is \${b ? 'this one' : ''}\` : ''));
    services.log.info('this is for the log'); throw new Error('this cannot happen');
    if (text === 'this is compared') run('sudo apt install it');
    other('not this one');`;
  expect(messagesOf('extension/cli/x.ts', source).map(({ text }) => text)).toEqual([
    'one {0}',
    'two',
    'three {0} and {1}',
    'four',
    'five {0}',
    'six {0} and {1}',
    'seven is a sentence, and so is {0}',
    'seven is a sentence',
    'this one',
    'not this one',
  ]);
  expect(
    messagesOf('webview/x/strings.ts', "export const strings = { a: 'seven', b: { c: 'eight' } };").map(
      ({ text }) => text,
    ),
  ).toEqual(['seven', 'eight']);
});

describe('xdp in a Chinese locale', () => {
  let cli: CliBundle;
  beforeAll(async () => {
    cli = await bundleCli('language');
  });
  afterAll(() => cli.remove());

  const ran = (locale: NodeJS.ProcessEnv, args: readonly string[]): { stdout: string; stderr: string } =>
    spawnSync(process.execPath, [cli.file, ...args], {
      encoding: 'utf8',
      input: '',
      env: { PATH: process.env['PATH'], ...locale },
    });

  test.each([
    [{ LANG: 'zh_CN.UTF-8' }, '没有动词 fly。'],
    [{ LC_MESSAGES: 'zh_CN.UTF-8', LANG: 'en_US.UTF-8' }, '没有动词 fly。'],
    [{ LC_ALL: 'C.UTF-8', LANG: 'zh_CN.UTF-8' }, 'There is no verb fly.'],
    [{ LANG: 'zh_TW.UTF-8' }, 'There is no verb fly.'],
    [{}, 'There is no verb fly.'],
  ])('%j', (locale, expected) => {
    expect(ran(locale, ['fly']).stderr).toContain(expected);
  });

  test('a result is in its words, names are not, and the document is the same', () => {
    const packet = ['packet', 'Ether()/IP(ttl=3)/UDP()'];
    const text = ran({ LC_ALL: 'zh_CN.UTF-8' }, packet).stdout;
    expect(text).toContain('IP，位于字节 14');
    expect(text).toMatch(/^ {2}ttl {8}3$/m);
    const [there, here] = ['zh_CN.UTF-8', 'C.UTF-8'].map((locale) => ran({ LC_ALL: locale }, [...packet, '--json']));
    expect(there?.stdout).toMatch(/^\{"bytes"/);
    expect(there?.stdout).toBe(here?.stdout);
    expect(there?.stderr).toBe(here?.stderr);
  });

  test('columns are as wide as they look on a terminal', () => {
    speak(chinese);
    const rows = table([t('NAME'), t('TYPE')], [['xdp_stats', t('used by no program')]]).split('\n');
    expect(rows).toEqual(['名称       类型', 'xdp_stats  没有程序使用']);
    expect(padded('键', 4)).toBe('键  ');
  });

  test('what --json prints, and the exit code, are the same', () => {
    const { status, json, stderr } = cli.run(['fly'], { ...process.env, LC_ALL: 'zh_CN.UTF-8' });
    expect({ status, json }).toMatchObject({
      status: 2,
      json: { error: { code: 'usage', message: 'There is no verb fly.' } },
    });
    expect(stderr).toContain('There is no verb fly.');
  });
});
