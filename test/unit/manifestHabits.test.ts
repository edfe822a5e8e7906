import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { commands, contextKeys, milestones } from '../../extension/host/ids.ts';
import { type Context, holds, keysIn } from '../support/whenClause.ts';

/** What people who use VS Code expect of an extension's manifest, as rules. */
interface Entry {
  command: string;
  group?: string;
  when?: string;
}

interface Setting {
  type?: string;
  default?: unknown;
  scope?: string;
  enum?: string[];
  description?: string;
  markdownDescription?: string;
  enumDescriptions?: string[];
}

interface Manifest {
  contributes: {
    commands: { command: string; title: string; category?: string; icon?: string; enablement?: string }[];
    menus: Record<string, Entry[]>;
    keybindings?: Entry[];
    views: Record<string, { id: string; when?: string; icon?: string }[]>;
    viewsWelcome: { view: string; when: string }[];
    configuration: { properties: Record<string, Setting> };
    taskDefinitions: { type: string }[];
    debuggers: { type: string }[];
    customEditors: { viewType: string }[];
  };
  activationEvents: string[];
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  extensionKind: string[];
}

const { contributes, activationEvents, capabilities, extensionKind } = JSON.parse(
  readFileSync('package.json', 'utf8'),
) as Manifest;
const english = JSON.parse(readFileSync('package.nls.json', 'utf8')) as Record<string, string>;

const source = readdirSync('extension/host', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(path.join('extension/host', file), 'utf8'))
  .join('\n');

const clauses = [
  ...Object.values(contributes.menus).flat(),
  ...(contributes.keybindings ?? []),
  ...Object.values(contributes.views).flat(),
  ...contributes.viewsWelcome,
  ...contributes.commands.map(({ enablement }) => ({ when: enablement })),
].flatMap(({ when }) => when ?? []);

/** https://code.visualstudio.com/api/references/when-clause-contexts */
const ofVsCode = new Set([
  'activeCustomEditorId',
  'controllerId',
  'isWorkspaceTrusted',
  'resourceExtname',
  'resourceFilename',
  'resourceLangId',
  'resourcePath',
  'resourceScheme',
  'view',
  'viewItem',
  'workspaceFolderCount',
]);

/** A trusted folder on a Linux machine, with nothing open and nothing attached. */
const folder: Context = { isWorkspaceTrusted: true, workspaceFolderCount: 1 };
const file = (name: string, language: string): Context => ({
  resourceFilename: path.basename(name),
  resourceExtname: path.extname(name),
  resourcePath: name,
  resourceScheme: 'file',
  resourceLangId: language,
});
const firewall: Context = { ...file('/work/xdp_firewall.bpf.c', 'c'), 'xdp.isBpfSource': true };
const ordinary = file('/work/tool.c', 'c');
const tests = file('/work/firewall.xdptest.json', 'jsonc');
const web: Context = { 'xdp.web': true, 'xdp.noKernel': true };
const mac: Context = { 'xdp.noKernel': true };

function offered(menu: string, context: Context): string[] {
  const entries = contributes.menus[menu] ?? [];
  const shown = entries.filter(({ when }) => when === undefined || holds(when, context));
  // The palette has what it is not told to leave out.
  const unsaid =
    menu === 'commandPalette'
      ? Object.values(commands).filter((id) => entries.every(({ command }) => command !== id))
      : [];
  return [...new Set([...unsaid, ...shown.map(({ command }) => command)])].map((id) => id.replace('xdp.', '')).sort();
}

const noKernelNeeded = ['explainLog', 'getStarted', 'newProject', 'openVerifierLog', 'showLog'];
const machineForC = ['compile', 'debug', 'exportBpfman', 'generatePackets', 'runPacket', 'showCompile'].concat([
  'showDisassembly',
  'shareFlags',
  'checkTests',
]);
const kernelAnywhere = ['adopt', 'detach', 'lookAround', 'openMap', 'openMapViewer', 'restartHelper'].concat([
  'showPrintk',
  'startLab',
  'stopLab',
]);
const kernelForC = ['attach', 'openVerifierView', 'showMachineCode', 'verify'];
const anyProgram = ['attach', 'checkTests', 'debug', 'generatePackets', 'runPacket'];

describe('the palette offers', () => {
  const check = (context: Context, expected: readonly string[]): void =>
    expect(offered('commandPalette', context)).toEqual([...expected].sort());

  test('for a C file in a folder everything but what needs something that is not there', () =>
    check({ ...folder, ...firewall }, [...noKernelNeeded, ...machineForC, ...kernelAnywhere, ...kernelForC]));

  test('with nothing open what asks which program is meant', () =>
    check(folder, [...noKernelNeeded, ...kernelAnywhere, ...anyProgram]));

  test('without a folder nothing that looks for programs in it', () =>
    check({ isWorkspaceTrusted: true, workspaceFolderCount: 0 }, [...noKernelNeeded, ...kernelAnywhere]));

  test('what is about an attachment while there is one', () =>
    check({ ...folder, 'xdp.attached': true, 'xdp.guarded': true, 'xdp.storyShown': true }, [
      ...noKernelNeeded,
      ...kernelAnywhere,
      ...anyProgram,
      'replace',
      'toggleHotReload',
      'keepAttached',
      'confirmAttachment',
      'clearStory',
    ]));

  test('in a workspace that is not trusted nothing that compiles or runs', () =>
    check({ ...folder, ...firewall, isWorkspaceTrusted: false }, [
      ...noKernelNeeded,
      ...kernelAnywhere.filter((id) => id !== 'lookAround'),
    ]));

  test('without a kernel what the built-in machine can do', () =>
    check({ ...folder, ...firewall, ...mac }, [...noKernelNeeded, ...machineForC]));

  test('in a page without a machine a packet, and the log', () =>
    check({ ...folder, ...firewall, ...web }, ['runPacket', 'showLog']));

  test('on packet tests their other editor', () => {
    check({ ...folder, ...web, ...tests }, ['openPacketTests', 'runPacket', 'showLog']);
    check({ ...folder, ...web, activeCustomEditorId: 'xdp.packetTests' }, [
      'openPacketTestsAsText',
      'runPacket',
      'showLog',
    ]);
  });

  test('on a log of the verifier its view', () =>
    check({ ...folder, ...file('/work/a.bpflog', 'bpf-verifier-log') }, [
      ...noKernelNeeded,
      ...kernelAnywhere,
      ...anyProgram,
      'openVerifierView',
    ]));
});

describe('buttons and menus', () => {
  const title = ['attach', 'compile', 'debug', 'generatePackets', 'openVerifierView', 'runPacket', 'showDisassembly'];
  test.each<[string, string, Context, string[]]>([
    ['editor/title', 'of a BPF source', { ...folder, ...firewall }, [...title, 'verify']],
    ['editor/title', 'of another C file', { ...folder, ...ordinary }, []],
    ['editor/title', 'of what is not trusted', { ...folder, ...firewall, isWorkspaceTrusted: false }, []],
    ['editor/title', 'of a page', { ...folder, ...firewall, ...web }, ['runPacket']],
    [
      'editor/title',
      'without a kernel',
      { ...folder, ...firewall, ...mac },
      ['compile', 'debug', 'generatePackets', 'runPacket', 'showDisassembly'],
    ],
    ['editor/title', 'of packet tests', { ...folder, ...tests }, ['checkTests', 'openPacketTests']],
    [
      'explorer/context',
      'of a BPF source',
      { ...folder, ...firewall },
      ['attach', 'debug', 'runPacket', 'showDisassembly'],
    ],
    ['explorer/context', 'of another C file', { ...folder, ...ordinary }, []],
    [
      'explorer/context',
      'of a source in a folder that says so',
      { ...folder, ...file('/src/xdp-tutorial/basic/prog.c', 'c') },
      ['attach', 'debug', 'runPacket', 'showDisassembly'],
    ],
    ['explorer/context', 'of packet tests', { ...folder, ...tests, isWorkspaceTrusted: false }, ['openPacketTests']],
  ])('%s %s', (menu, _, context, expected) => {
    expect(offered(menu, context)).toEqual([...expected].sort());
  });

  test('are icons where VS Code draws icons', () => {
    const drawn = Object.entries(contributes.menus).flatMap(([menu, entries]) =>
      entries.filter(
        ({ group = '' }) => (group.startsWith('navigation') && menu.endsWith('/title')) || group.startsWith('inline'),
      ),
    );
    expect(drawn.length).toBeGreaterThan(10);
    const icons = new Map(contributes.commands.map(({ command, icon }) => [command, icon]));
    for (const { command } of drawn) expect(icons.get(command), command).toMatch(/^\$\([\w-]+\)$/);
  });

  test('of the tree are for things that the tree has', () => {
    const items = readFileSync('extension/host/views/interfaces/items.ts', 'utf8');
    const made = new Set(
      [...items.matchAll(/['`]((?:program|interface|advice)\.\w+)/g)].map(([, value]) => value ?? ''),
    );
    const patterns = clauses.flatMap((clause) => [...clause.matchAll(/viewItem (?:== (\S+)|=~ \/\^([^/]+)\/)/g)]);
    expect(patterns.length).toBeGreaterThan(8);
    for (const [clause, name, pattern] of patterns) {
      // What stands behind the first two words is put together there from parts: `.source`, `.tied`.
      const wanted = new RegExp(`^${(name ?? pattern ?? '').replace(/(\.(?:mine|kept|\([^)]*\))).*/, '$1')}`);
      expect(
        [...made].some((value) => wanted.test(value)),
        clause,
      ).toBe(true);
    }
  });
});

test('every command has a title in the manifest’s languages and the category', () => {
  for (const { command, title, category } of contributes.commands) {
    expect(category, command).toBe('XDP');
    expect(title).toBe(`%${command.replace('xdp.', 'command.')}%`);
    const text = english[title.slice(1, -1)] ?? '';
    // Title case, as VS Code's own; an ellipsis only behind what asks something first.
    expect(text, command).toMatch(
      /^[A-Z]\S*( (\S*[A-Z]\S*|a|an|and|as|bpf_printk|bpfman|clangd|for|from|in|is|of|on|or|the|to|by|with))*…?$/,
    );
  }
});

test('every key of a clause is set somewhere, or is VS Code’s own', () => {
  const own = new Map<string, string>(Object.entries(contextKeys).map(([name, key]) => [key, name]));
  const keys = new Set(clauses.flatMap(keysIn));
  for (const key of keys) {
    const name = own.get(key);
    if (name !== undefined) {
      expect(source, key).toMatch(new RegExp(`(?:setContext|say)\\(\\s*'${name}'`));
      continue;
    }
    const view = /^view\.(.+)\.visible$/.exec(key)?.[1];
    if (view === undefined) expect(ofVsCode, key).toContain(key);
    else expect(Object.values(contributes.views).flatMap((all) => all.map(({ id }) => id))).toContain(view);
  }
  expect([...own.keys()].filter((key) => !keys.has(key))).toEqual([]);
  expect(milestones.length).toBeGreaterThan(0);
});

test('every command that one can call by itself is in the palette somewhere, and every other one is in a menu', () => {
  const palette = new Map((contributes.menus['commandPalette'] ?? []).map(({ command, when }) => [command, when]));
  for (const id of Object.values(commands).filter((each) => palette.get(each) === 'false')) {
    const elsewhere = Object.entries(contributes.menus).flatMap(([menu, entries]) =>
      menu === 'commandPalette' ? [] : entries.filter(({ command }) => command === id),
    );
    const buttons = Object.values(english).filter((text) => text.includes(`(command:${id}`));
    expect(elsewhere.length + buttons.length, id).toBeGreaterThan(0);
  }
});

describe('settings', () => {
  const all = Object.entries(contributes.configuration.properties);

  test.each(all)('%s has a type, a default, a scope and a description', (_, setting) => {
    expect(['string', 'boolean', 'integer', 'number', 'array']).toContain(setting.type);
    expect(setting).toHaveProperty('default');
    expect(['machine', 'machine-overridable', 'resource', 'window', 'application']).toContain(setting.scope);
    const description = setting.markdownDescription ?? setting.description ?? '';
    expect(description).toMatch(/^%config\.\w+%$/);
    expect(english[description.slice(1, -1)]).toMatch(/^[A-Z].*\.$/s);
    if (setting.enum !== undefined) expect(setting.enumDescriptions).toHaveLength(setting.enum.length);
  });

  test('a workspace can neither name a program that is run nor lower a guard', () => {
    const risky = all.filter(([name]) => /path$|elevation|guard/i.test(name) && !name.endsWith('includePath'));
    expect(risky.map(([name]) => name).sort()).toEqual([
      'xdp.attach.guardSeconds',
      'xdp.clang.path',
      'xdp.elevation',
      'xdp.helper.nodePath',
    ]);
    for (const [name, { scope }] of risky) expect(scope, name).toBe('machine');
  });

  test('what an untrusted workspace must not set is restricted', () => {
    for (const name of ['xdp.compile.includePath', 'xdp.compile.vmlinux'])
      expect(capabilities.untrustedWorkspaces.restrictedConfigurations).toContain(name);
  });
});

test('it wakes up only for what it deals with', () => {
  const own = [...contributes.taskDefinitions, ...contributes.debuggers].map(({ type }) => type);
  for (const event of activationEvents) {
    expect(event).not.toMatch(/^\*$|onStartupFinished/);
    const [kind, of = ''] = event.split(':');
    if (kind === 'onTaskType' || kind === 'onDebugResolve') expect(own).toContain(of);
    // VS Code makes the events of commands, views and editors by itself.
    expect(kind).not.toMatch(/^on(Command|View|CustomEditor)$/);
  }
});

test('it runs where the files and the kernel are', () => {
  expect(extensionKind).toEqual(['workspace']);
});
