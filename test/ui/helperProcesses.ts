import { readdirSync, readFileSync } from 'node:fs';

/**
 * Process ids of the kernel helpers of the extension installed under a folder: `own` ones load and attach, a `system` one
 * looks at the interfaces while their tree is visible (the tests run as root).
 */
export function helperProcesses(home: string, profile: 'own' | 'system'): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        const helper = command.some((part) => part.startsWith(home) && part.endsWith('dist/helper.js'));
        return helper && command[command.indexOf('--profile') + 1] === profile;
      } catch {
        return false;
      }
    })
    .map(Number);
}
