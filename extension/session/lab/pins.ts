import { execute, type Prefix } from './privileged.ts';

/** An interface that the lab removed, or all those of a namespace that it removed. */
export interface Removed {
  namespaceInode: number;
  ifindex?: number;
}

/**
 * Removes what this user had kept attached there. A pinned link of an interface that is gone holds only memory, and the next
 * helper would remove it as well (kernel/handlers/attach/pins.ts): but a lab that is down has left nothing.
 */
export async function removePins(prefix: Prefix, removed: readonly Removed[]): Promise<void> {
  const names = removed.flatMap(({ namespaceInode, ifindex }) => {
    const name = `n${namespaceInode}-i${ifindex ?? '*'}`;
    return ['-o', '-name', name, '-o', '-name', `a*-${name}`];
  });
  if (names.length === 0) return;
  const folder = `/sys/fs/bpf/xdp-vscode/${process.getuid?.() ?? 0}`;
  const which = ['-mindepth', '1', '-maxdepth', '1', '(', ...names.slice(1), ')'];
  // Nothing was ever kept where there is no such folder.
  await execute([...prefix, 'find', folder, ...which, '-exec', 'rm', '-rf', '{}', '+']);
}
