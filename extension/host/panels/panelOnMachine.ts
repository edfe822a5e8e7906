import type { Services } from '../services.ts';
import { buildFile, buildWithProgress, saveIfDirty, targetFile } from '../build.ts';
import { MapFeed } from '../maps/mapFeed.ts';
import type { VerdictStories } from '../story/verdictStories.ts';
import { kernelRunner } from './kernelRunner.ts';
import type { PanelSurroundings } from './packetPanel.ts';
import { machineRunner } from './packetRunner.ts';

/** The packet panel on a machine with clang: on Linux in its kernel, elsewhere in the built-in machine. */
export function panelOnMachine(services: Services, stories: VerdictStories): PanelSurroundings {
  const { log, milestones, extensionUri, kernel, attachments } = services;
  const onKernel = {
    runner: kernelRunner(services),
    attachments,
    liveMaps: (post: ConstructorParameters<typeof MapFeed>[1]) => new MapFeed(services, post),
    async interfaces() {
      const client = await kernel.ownIfRunning()?.catch(() => undefined);
      return client === undefined ? undefined : (await client.call('interfaces/list', {})).interfaces;
    },
  };
  return {
    log,
    milestones,
    extensionUri,
    target: targetFile,
    build: (file) => buildWithProgress(services, file),
    ...(process.platform === 'linux' ? onKernel : { runner: machineRunner((file) => buildFile(services, file)) }),
    async tellStory(source, story) {
      const { storyOf } = await import('../../session/engine/story.ts');
      const { possibleCpus } = await import('../../session/engine/target.ts');
      await saveIfDirty(source);
      await stories.show(await storyOf(story, services.buildOptions(source), possibleCpus()));
    },
    async debug({ file, name }, { packet, context }) {
      const { debugPacket } = await import('../debug/debugPacket.ts');
      await debugPacket(file, name, { packet, ...context });
    },
  };
}
