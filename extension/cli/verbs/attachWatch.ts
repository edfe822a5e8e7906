import { watch } from 'node:fs';
import path from 'node:path';
import { toErrorData } from '../../core/errors.ts';
import type { Attachments } from '../../session/attach/attachments.ts';
import type { LiveAttachment, Replaced } from '../../session/attach/attachmentTypes.ts';
import { openObject } from '../../session/bpfObject.ts';
import { HotReload } from '../../session/attach/hotReload.ts';
import { defaultGuardSeconds } from '../../session/attach/lifelines.ts';
import type { Context } from '../command.ts';
import type { Output } from '../output.ts';

/** An editor writes a file in several steps. */
const settleMs = 100;

/** Hot reload: each change of the file becomes the running program, its maps kept; what fails leaves the old one. */
export function watchFile(context: Context, attachments: Attachments, live: LiveAttachment): { dispose(): void } {
  const { output, build } = context;
  const file = live.object?.file ?? '';
  const guarded = new Set<number>();
  const reload = new HotReload(attachments, {
    build: (each) => openObject(each, build),
    guardSeconds: async ({ iface, netns }) => {
      const lifelines = process.stdin.isTTY ? await attachments.lifelines(iface, netns) : [];
      return lifelines.length === 0 ? undefined : defaultGuardSeconds;
    },
  });
  reload.toggle(live, true);
  reload.onDidReload((event) => {
    switch (event.kind) {
      case 'reloaded':
        noteMaps(output, event.replaced, event.before);
        return;
      case 'failed': {
        const { message, fix } = toErrorData(event.error);
        output.note(`${event.attachment.program} (id ${event.attachment.progId}) runs on: ${message}`);
        if (fix !== undefined) output.note(fix);
        return;
      }
    }
  });
  const enter = (): void => {
    const [waiting] = attachments.live.filter(({ attachment }) => guarded.has(attachment));
    if (waiting !== undefined) void attachments.confirm(waiting).catch(() => undefined);
  };
  const subscription = attachments.onDidChange((event) => {
    if (event.kind === 'counting' && !guarded.has(event.attachment.attachment)) {
      guarded.add(event.attachment.attachment);
      output.note(`Press Enter within ${event.secondsLeft} s to keep the new ${event.attachment.program}.`);
    }
    if (event.kind === 'confirmed' || event.kind === 'reverted') {
      guarded.delete(event.attachment.attachment);
      output.note(event.kind === 'confirmed' ? 'Confirmed.' : 'Not confirmed in time: the previous build is back.');
    }
  });
  if (process.stdin.isTTY) process.stdin.on('data', enter).resume();
  output.note(`Watching ${file}.`);
  let timer: NodeJS.Timeout | undefined;
  // The folder: many editors put a new file in place of the old one.
  const watcher = watch(path.dirname(file), (_kind, name) => {
    if (name !== path.basename(file)) return;
    clearTimeout(timer);
    timer = setTimeout(() => void reload.saved(file), settleMs);
  });
  return {
    dispose: () => {
      clearTimeout(timer);
      watcher.close();
      subscription.dispose();
      process.stdin.off('data', enter).pause();
    },
  };
}

export function noteMaps(output: Output, { attachment, keptMaps, freshMaps }: Replaced, before: LiveAttachment): void {
  const kept = keptMaps.length === 0 ? '' : `; kept: ${keptMaps.join(', ')}`;
  output.note(`${attachment.program} took the place of ${before.program} (id ${before.progId})${kept}.`);
  for (const { map, reason } of freshMaps) output.note(`${map} starts empty: ${reason}.`);
}
