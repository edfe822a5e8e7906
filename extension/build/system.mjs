import { readFileSync } from 'node:fs';
import { findCommand } from './processes.mjs';

/**
 * @typedef {object} System
 * @property {string} name as people call it: `Debian GNU/Linux 12 (bookworm)`
 * @property {boolean} supported Debian ≥ 12, Ubuntu ≥ 24.04, and what is made from them
 * @property {boolean} apt packages can be installed here
 */

/**
 * What system this is. https://www.freedesktop.org/software/systemd/man/os-release.html
 * @param {string} [osRelease]
 * @returns {System}
 */
export function readSystem(osRelease = readOsRelease()) {
  /** @param {string} key */
  const field = (key) => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? '';
  // Debian testing and unstable have no version: they are newer than every one that has.
  const version = Number(field('VERSION_ID') || 'Infinity');
  const debian = field('ID') === 'debian';
  const ubuntu = field('ID') === 'ubuntu';
  // Derivatives (Mint, Pop!_OS) count their own.
  const derived = /\b(debian|ubuntu)\b/.test(field('ID_LIKE'));
  const recent = debian ? version >= 12 : ubuntu ? version >= 24.04 : derived;
  const apt = findCommand('apt-get') !== undefined && findCommand('dpkg-query') !== undefined;
  return { name: field('PRETTY_NAME') || process.platform, supported: recent && apt, apt };
}

function readOsRelease() {
  for (const file of ['/etc/os-release', '/usr/lib/os-release']) {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      // Not a Linux with systemd's conventions.
    }
  }
  return '';
}

/** Windows Subsystem for Linux: its `code` command opens a window on the Windows side. */
export const isWsl = /microsoft/i.test(readText('/proc/sys/kernel/osrelease'));

/** @param {string} file */
function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
