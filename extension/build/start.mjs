#!/usr/bin/env node
/**
 * `npm start`: from a fresh clone to a VS Code with the extension, the examples and a lab. Stays in the foreground;
 * Ctrl-C ends everything. Only Node's own modules are imported here, since nothing is installed yet.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './bundle.mjs';
import { ensureNpmPackages } from './npmPackages.mjs';
import { vsixPath } from './package.mjs';
import { root } from './paths.mjs';
import { capture } from './processes.mjs';
import { niceToHave, productRequirements, serverRequirements } from './requirements.mjs';
import { findDesktopCode, openDesktop, openInBrowser, thisTarget } from './startEditor.mjs';
import { startLab } from './startLab.mjs';
import { ensureSystemPackages } from './systemPackages.mjs';
import { heading, runMain, say, UserError } from './terminal.mjs';
import { isVSCodeServerInstalled } from './vscodeInstall.mjs';

const usage = `npm start -- [--no-open] [--yes]

Installs what is missing, builds, makes a lab and opens VS Code on bpf/examples.
  --no-open  prepare everything and print the address, but open no window
  --yes      do not ask before using sudo`;

async function main() {
  const options = readArguments();
  if (options.help) return say(usage);
  if (process.platform !== 'linux')
    throw new UserError(`XDP lives in the Linux kernel, and this is ${process.platform}.
Use a Linux machine, a virtual machine or WSL2, or open this folder there with VS Code's Remote extensions.`);
  const ending = untilSignal();
  const code = options.open ? findDesktopCode() : undefined;

  heading('What this machine needs');
  const forServer = code === undefined && !isVSCodeServerInstalled() ? serverRequirements : [];
  await ensureSystemPackages([...productRequirements, ...forServer], { yes: options.yes, optional: niceToHave });
  await ensureNpmPackages();
  say('Everything is there.');

  heading('Building');
  await build();
  const vsix = code === undefined ? await makeVsix() : undefined;

  heading('Lab');
  const lab = await startLab({ yes: options.yes });
  if (lab) say(lab.summary);
  try {
    heading('VS Code');
    const editor = vsix === undefined ? openDesktop(code ?? 'code') : await openInBrowser({ open: options.open, vsix });
    try {
      say(nextSteps(editor.url, lab !== undefined));
      const how = await Promise.race([
        ending,
        ...(editor.ended ? [editor.ended.then((how) => `VS Code ended: ${how}`)] : []),
      ]);
      say(`\n${how}: ending ${endingOf(editor.url, lab !== undefined)} …`);
    } finally {
      await editor.stop();
    }
  } finally {
    await lab?.remove();
  }
  say('Nothing is left running.');
}

/** In a process of its own, since vsce says a page of things. */
async function makeVsix() {
  const target = thisTarget();
  const script = path.join(root, 'extension/build/package.mjs');
  const { code, stdout, stderr } = await capture(process.execPath, [script, '--target', target]);
  if (code !== 0) throw new UserError(`The extension could not be packaged:\n${stdout}${stderr}`);
  return vsixPath(target);
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: { 'no-open': { type: 'boolean' }, yes: { type: 'boolean', short: 'y' }, help: { type: 'boolean' } },
    });
    return { open: !values['no-open'], yes: values.yes ?? false, help: values.help ?? false };
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}

/**
 * Resolves at the first signal to end. Later ones are ignored: what was started is being ended.
 * @returns {Promise<string>}
 */
function untilSignal() {
  return new Promise((resolve) => {
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
      process.on(signal, () => resolve(signal));
    if (process.env.npm_lifecycle_event === undefined) return;
    // A signal to npm alone ends npm and its shell, but never reaches this process.
    const parent = process.ppid;
    const timer = setInterval(() => {
      if (process.ppid !== parent) resolve('npm has ended');
    }, 250);
    timer.unref();
  });
}

/**
 * @param {string | undefined} url undefined for the desktop VS Code, which belongs to its user and stays
 * @param {boolean} hasLab
 */
function nextSteps(url, hasLab) {
  const where = url === undefined ? 'VS Code opens in a window of its own.' : `VS Code is ready at\n\n    ${url}\n`;
  const lab = hasLab ? '\nThen run "XDP: Attach to Interface" and choose xdplab0.' : '';
  return `${where}
Open xdp_counter.bpf.c there, press F1 and run "XDP: Compile Current File".${lab}
Ctrl-C here ends ${endingOf(url, hasLab)}.`;
}

/**
 * @param {string | undefined} url
 * @param {boolean} hasLab
 */
function endingOf(url, hasLab) {
  const parts = [...(url === undefined ? [] : ['VS Code']), ...(hasLab ? ['the traffic', 'the lab'] : [])];
  return parts.length === 0 ? 'this command' : parts.join(', ').replace(/, ([^,]*)$/, ' and $1');
}

await runMain(main);
