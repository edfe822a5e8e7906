import path from 'node:path';
import { dist } from './paths.mjs';
import { capture, runStatus } from './processes.mjs';
import { confirm, interactive, say } from './terminal.mjs';

const cli = path.join(dist, 'cli.js');

/**
 * @typedef {object} Lab
 * @property {string} summary for people
 * @property {() => Promise<void>} remove
 */

/**
 * Makes the lab. Without the privilege to do so everything else still works, so that is said, and no failure.
 * @param {{ yes: boolean }} options
 * @returns {Promise<Lab | undefined>}
 */
export async function startLab({ yes }) {
  const status = await capture(process.execPath, [cli, 'lab', 'status', '--json']);
  const found = status.code === 0 ? JSON.parse(status.stdout) : undefined;
  if (found?.state === 'up' && found.traffic.running)
    return { summary: `${summarize(found)}; it was there already and stays`, remove: async () => undefined };
  if (!(await getPrivilege(yes))) {
    say('No lab is made. Make one later with: sudo node dist/cli.js lab up');
    return undefined;
  }
  // The traffic ends with this process, even when nobody can tell it to.
  const env = { ...process.env, XDP_LAB_OWNER: String(process.pid) };
  const { code, stdout, stderr } = await capture(process.execPath, [cli, 'lab', 'up', '--json'], { env });
  if (code !== 0) {
    say(`No lab is made:\n${stderr.trim()}`);
    return undefined;
  }
  const stopRefreshing = keepPrivilege();
  const remove = async () => {
    stopRefreshing();
    // A password that sudo has forgotten in the meantime is asked for once more.
    if (!isRoot() && interactive) await runStatus('sudo', ['-v'], { stdin: 'inherit' });
    const { code, stderr } = await capture(process.execPath, [cli, 'lab', 'down', '--json']);
    if (code !== 0) say(`The lab could not be removed:\n${stderr.trim()}`);
  };
  return { summary: summarize(JSON.parse(stdout)), remove };
}

/** @param {{ interfaces: string[], namespaces: string[], addresses: string[], traffic: { packetsPerSecond: number } }} lab */
function summarize({ interfaces, namespaces, addresses, traffic }) {
  const flow = `about ${traffic.packetsPerSecond} packets a second arrive there`;
  return `interface ${interfaces[0]} (${addresses[0]}), ${flow} from namespace ${namespaces[0]}`;
}

/** @param {boolean} yes */
async function getPrivilege(yes) {
  if (isRoot()) return true;
  if ((await capture('sudo', ['-n', '--', 'true'])).code === 0) return true;
  if (!interactive) {
    say('The lab (a pair of virtual interfaces) can only be made by root, and sudo would ask for a password.');
    return false;
  }
  const question = 'The lab (a pair of virtual interfaces) can only be made by root. Use sudo for it?';
  return (yes || (await confirm(question))) && (await runStatus('sudo', ['-v'], { stdin: 'inherit' })) === 0;
}

/** sudo forgets a password after some minutes; the lab must still go at the end. Returns how to stop. */
function keepPrivilege() {
  if (isRoot()) return () => undefined;
  const timer = setInterval(() => void capture('sudo', ['-n', '-v']), 4 * 60_000);
  return () => clearInterval(timer);
}

function isRoot() {
  return process.getuid?.() === 0;
}
