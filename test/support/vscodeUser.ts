import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { VSCodeServerInstall } from '../../extension/build/vscodeInstall.mjs';
import { command } from './kernelHelper.ts';
import type { TestUser } from './kernelUser.ts';

/**
 * What makes a server an ordinary user's: the folder is theirs, and the install, which may lie where only root can go, is
 * mounted into it, in a mount namespace that ends with the server.
 */
export function giveTo(
  { uid, gid, become }: TestUser,
  { install, folder, dataDir }: { install: VSCodeServerInstall; folder: string; dataDir: string },
): { install: VSCodeServerInstall; prefix: readonly string[] } {
  const mounted = path.join(folder, 'vscode');
  for (const each of [mounted, path.join(dataDir, 'data/User'), path.join(dataDir, 'data/Machine')])
    mkdirSync(each, { recursive: true });
  // Whoever writes it first owns it, and VS Code wants to change it.
  writeFileSync(path.join(dataDir, 'data/User/settings.json'), '{}');
  command('chown', ['-R', `${uid}:${gid}`, folder]);
  chmodSync(folder, 0o700);
  const home = install.serverMain.slice(0, install.serverMain.indexOf('/node_modules/'));
  const there = (file: string): string => path.join(mounted, path.relative(home, file));
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  const namespace = ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c', script, 'sh', home, mounted];
  return {
    install: { node: there(install.node), serverMain: there(install.serverMain) },
    prefix: [...namespace, ...become],
  };
}
