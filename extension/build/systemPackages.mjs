import { capture, findCommand, run } from './processes.mjs';
import { readSystem } from './system.mjs';
import { confirm, interactive, say, UserError } from './terminal.mjs';

/** @typedef {import('./requirements.mjs').Requirement} Requirement */

/**
 * Sees to it that everything required is there: installs what is missing on Debian and Ubuntu, says what to install
 * elsewhere. sudo is only used after asking, or with `yes`.
 * @param {readonly Requirement[]} requirements
 * @param {{ yes?: boolean, optional?: readonly Requirement[] }} [options] what is optional is installed along with
 *   the rest, but never asked for on its own
 */
export async function ensureSystemPackages(requirements, { yes = false, optional = [] } = {}) {
  const missing = requirements.filter(({ present }) => !present());
  if (missing.length === 0) return;
  const system = readSystem();
  if (!system.supported) throw new UserError(unsupported(system, missing));

  const asRoot = process.getuid?.() === 0;
  const prefix = asRoot ? [] : ['sudo', '--'];
  say('These Debian packages are missing and will be installed:');
  for (const { packages, why } of missing) say(`  ${(packages[0] ?? '').padEnd(16)} ${why}`);
  if (!asRoot && !yes) await askForSudo(missing);
  const environment = ['env', 'DEBIAN_FRONTEND=noninteractive'];
  const stdin = interactive ? 'inherit' : 'ignore';
  /** @param {readonly string[]} args */
  const apt = async (args) => {
    const [command = '', ...rest] = [...prefix, ...environment, 'apt-get', '-q', ...args];
    await run(command, rest, { stdin });
  };
  await apt(['update']);
  const wanted = [...missing, ...optional.filter(({ present }) => !present())];
  const names = await Promise.all(wanted.map(chooseCandidate));
  await apt(['install', '--yes', '--no-install-recommends', ...new Set(names)]);

  const still = missing.filter(({ present }) => !present());
  if (still.length > 0)
    throw new UserError(`Installed, but still not found: ${still.map(({ what }) => what).join(', ')}.`);
}

/** @param {readonly Requirement[]} missing */
async function askForSudo(missing) {
  const command = `sudo apt-get install ${missing.map(({ packages }) => packages[0]).join(' ')}`;
  if (findCommand('sudo') === undefined)
    throw new UserError(`There is no sudo here. As root, run:\n    ${command.replace('sudo ', '')}\nthen try again.`);
  if (!interactive) throw new UserError(`Nobody is here to ask about sudo. Run:\n    ${command}\nor add --yes.`);
  if (!(await confirm('Install them with sudo?')))
    throw new UserError(`Nothing was installed. When you are ready:\n    ${command}`);
}

/**
 * The first of its packages that this system has: their names differ between releases.
 * @param {Requirement} requirement
 */
async function chooseCandidate({ packages }) {
  for (const name of packages) {
    const { stdout } = await capture('apt-cache', ['policy', name]);
    if (/Candidate: (?!\(none\))\S/.test(stdout)) return name;
  }
  return packages[0] ?? '';
}

/**
 * @param {import('./system.mjs').System} system
 * @param {readonly Requirement[]} missing
 */
function unsupported(system, missing) {
  return `XDP for VS Code sets itself up on Debian 12 or newer and Ubuntu 24.04 or newer. This is ${system.name}.
Install the following with your system's own tools, then run the same command again:
${missing.map(({ what, why }) => `  - ${what}: ${why}`).join('\n')}`;
}
