import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { componentsOf } from '../../extension/build/notices.mjs';
import { niceToHave, productRequirements } from '../../extension/build/requirements.mjs';
import { readSystem } from '../../extension/build/system.mjs';
import { readOwnRows, readVitestRows, suiteOutcome, withoutSkips } from '../../extension/build/testResults.mjs';

test.each([
  ['ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"', 'Debian GNU/Linux 12 (bookworm)', true],
  ['ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"', 'Debian GNU/Linux 11 (bullseye)', false],
  ['ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"', 'Debian GNU/Linux forky/sid', true],
  ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04.2 LTS"', 'Ubuntu 24.04.2 LTS', true],
  ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04.5 LTS"', 'Ubuntu 22.04.5 LTS', false],
  ['ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\nPRETTY_NAME="Linux Mint 22"', 'Linux Mint 22', true],
  ['ID=fedora\nVERSION_ID=42\nPRETTY_NAME="Fedora Linux 42"', 'Fedora Linux 42', false],
  ['', 'linux', false],
])('what system this is: %j', (osRelease, name, recent) => {
  const system = readSystem(osRelease);
  expect(system.name).toBe(name);
  // Where there is no apt, no system is one that packages can be installed on.
  expect(system.supported).toBe(recent && system.apt);
});

const folder = mkdtempSync(path.join(tmpdir(), 'xdp-build-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a suite that ended with `status` and left `results` comes to: passed, failed, skipped. */
function judge(results: unknown, status: number, read: typeof readOwnRows): [number, number, number] {
  const file = path.join(folder, 'results.json');
  if (results === undefined) rmSync(file, { force: true });
  else writeFileSync(file, JSON.stringify(results));
  const { passed, failed, skipped } = suiteOutcome('suite', { status, tookMs: 1, file, read });
  return [passed, failed, skipped];
}

const row = (state: string) => ({ title: state, state });
const file = (status: string, ...states: string[]) => ({
  name: 'a.test.ts',
  status,
  assertionResults: states.map((state) => ({ fullName: state, status: state })),
});

test('a suite counts as what it wrote down', () => {
  expect(judge({ tests: [row('passed'), row('failed'), row('skipped')] }, 1, readOwnRows)).toEqual([1, 1, 1]);
  const vitest = { testResults: [file('passed', 'passed', 'pending', 'todo'), file('failed', 'failed')] };
  expect(judge(vitest, 1, readVitestRows)).toEqual([1, 1, 2]);
});

test('a suite that ran nothing, broke off or could not be loaded has failed', () => {
  expect(judge({ tests: [] }, 0, readOwnRows)).toEqual([0, 1, 0]);
  expect(judge(undefined, 0, readOwnRows)).toEqual([0, 1, 0]);
  expect(judge({ tests: [row('passed')] }, 137, readOwnRows)).toEqual([1, 1, 0]);
  expect(judge({ testResults: [file('failed'), file('passed', 'passed')] }, 1, readVitestRows)).toEqual([1, 1, 0]);
});

test('where a suite has no excuse, a skip is a failure that names what was skipped', () => {
  writeFileSync(path.join(folder, 'results.json'), JSON.stringify({ tests: [row('passed'), row('skipped')] }));
  const run = { status: 0, tookMs: 1, file: path.join(folder, 'results.json'), read: readOwnRows };
  const outcome = withoutSkips(suiteOutcome('ui', run));
  expect([outcome.passed, outcome.failed, outcome.skipped]).toEqual([1, 1, 0]);
  expect(outcome.failures).toEqual(['ui: skipped (skipped)']);
});

test('every package that is bundled goes with its licence, and the licence allows it', () => {
  const components = componentsOf([
    'extension/host/extension.ts',
    'node_modules/lit/index.js',
    'node_modules/@vscode-elements/elements/dist/main.js',
    'node_modules/@vscode-elements/elements/dist/other.js',
    'node_modules/valibot/dist/index.mjs',
  ]);
  expect(components.map(({ name }) => name)).toEqual([
    '@vscode-elements/elements',
    '@vscode/codicons',
    'koffi',
    'lit',
    'valibot',
  ]);
  for (const { name, version, license, text } of components) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    expect(['MIT', 'BSD-3-Clause', 'CC-BY-4.0'], name).toContain(license);
    expect(text.length, name).toBeGreaterThan(500);
  }
});

test('the dev container has what the product needs, from Debian and npm, and shares no file system of the host', () => {
  const text = readFileSync('.devcontainer/devcontainer.json', 'utf8');
  const container = JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, '')) as {
    postCreateCommand: string;
    mounts?: string[];
  };
  const installed = new Set(container.postCreateCommand.split(' '));
  for (const { what, packages } of [...productRequirements, ...niceToHave])
    expect(
      packages.some((each) => installed.has(each)),
      what,
    ).toBe(true);
  expect(container.postCreateCommand).toMatch(
    /^sudo apt-get update && sudo apt-get install [^&|;]* && npm ci && npm run build$/,
  );
  expect(container.mounts ?? []).toEqual([]);
});
