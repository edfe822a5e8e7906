import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  commands,
  contextKeys,
  milestones,
  packetTestEditor,
  settings,
  taskType,
  views,
  walkthroughId,
} from '../../extension/host/ids.ts';

interface Manifest {
  contributes: {
    commands: { command: string }[];
    views: Record<string, { id: string }[]>;
    viewsContainers: { activitybar: { id: string }[] };
    configuration: { properties: Record<string, { scope?: string }> };
    menus: Record<string, { command: string; when?: string }[]>;
    taskDefinitions: { type: string }[];
    customEditors: { viewType: string }[];
    snippets: { path: string }[];
    grammars: { path: string }[];
    walkthroughs: {
      id: string;
      steps: { title: string; description: string; media: { markdown: string }; completionEvents: string[] }[];
    }[];
  };
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
}

const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
const manifest = read('package.json') as Manifest;
const { contributes } = manifest;

test('the manifest has exactly the ids that the code types', () => {
  expect(contributes.commands.map(({ command }) => command).sort()).toEqual(Object.values(commands).sort());
  expect(Object.keys(contributes.configuration.properties).sort()).toEqual(Object.values(settings).sort());
  expect(contributes.viewsContainers.activitybar.map(({ id }) => id)).toEqual([views.container]);
  expect(contributes.views[views.container]?.map(({ id }) => id).sort()).toEqual([views.interfaces, views.maps].sort());
  expect(contributes.taskDefinitions.map(({ type }) => type)).toEqual([taskType]);
});

test('every menu entry names a command that exists, and title buttons use the context key', () => {
  const known = new Set<string>(Object.values(commands));
  for (const entry of Object.values(contributes.menus).flat()) expect(known).toContain(entry.command);
  // Shown on BPF sources, on packet tests, or on listings.
  const kinds = new RegExp(`${contextKeys.isBpfSource}|xdptest|${packetTestEditor}|xdp-disassembly`);
  for (const entry of contributes.menus['editor/title'] ?? []) expect(entry.when).toMatch(kinds);
  expect(contributes.customEditors.map(({ viewType }) => viewType)).toEqual([packetTestEditor]);
});

test('settings that could run a program or gain privilege are not for a workspace to set', () => {
  for (const name of [settings.elevation, settings.clangPath, settings.nodePath]) {
    expect(contributes.configuration.properties[name]?.scope).toBe('machine');
    expect(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations).toContain(name);
  }
});

test('every file that the manifest contributes is there', () => {
  for (const { path } of [...contributes.snippets, ...contributes.grammars]) expect(existsSync(path), path).toBe(true);
});

test('every text of the manifest exists in English and in Chinese', () => {
  const used = new Set([...readFileSync('package.json', 'utf8').matchAll(/"%([\w.]+)%"/g)].map((match) => match[1]));
  for (const file of ['package.nls.json', 'package.nls.zh-cn.json']) {
    const texts = read(file) as Record<string, string>;
    expect(Object.keys(texts).sort()).toEqual([...used].map(String).sort());
    for (const [key, text] of Object.entries(texts)) expect(text, key).not.toBe('');
  }
});

test('every step of the walkthrough has its text, and buttons for commands that exist', () => {
  const known = new Set<string>(Object.values(commands));
  for (const file of ['package.nls.json', 'package.nls.zh-cn.json']) {
    const texts = read(file) as Record<string, string>;
    for (const { id, steps } of contributes.walkthroughs) {
      expect(walkthroughId).toBe(`vscode-xdp.vscode-xdp#${id}`);
      for (const { title, description, media, completionEvents } of steps) {
        const text = (key: string): string => texts[key.slice(1, -1)] ?? '';
        expect(text(title), title).not.toBe('');
        expect(existsSync(text(media.markdown)), media.markdown).toBe(true);
        const buttons = [...text(description).matchAll(/\]\(command:([\w.]+)/g)].map(([, command]) => command ?? '');
        expect(buttons.length, description).toBeGreaterThan(0);
        for (const command of buttons.filter((each) => each.startsWith('xdp.'))) expect(known).toContain(command);
        const done = completionEvents[0]?.replace('onContext:xdp.done.', '');
        expect(milestones).toContain(done);
      }
    }
  }
});
