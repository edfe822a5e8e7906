import { readFileSync } from 'node:fs';
import path from 'node:path';
import { storyText } from '../../../core/debugger/story/text.ts';
import { describeError, XdpError } from '../../../core/errors.ts';
import { t, translated } from '../../../core/text/language.ts';
import { storyOf, type StoryRequest } from '../../../session/engine/story.ts';
import { possibleCpus } from '../../../session/engine/target.ts';
import type { Context } from '../../command.ts';

/** `--story`: what goes into the JSON document, and what people read. */
export interface StoryAnswer {
  json: Record<string, unknown>;
  lines: string[];
}

/** Why there is no story is an answer too: the run itself went well. */
export async function storyAnswer(request: StoryRequest, { build }: Pick<Context, 'build'>): Promise<StoryAnswer> {
  try {
    const told = await storyOf(request, build, possibleCpus());
    if (told.kind === 'differs') {
      return problem(
        `Compiled without optimisation the program comes to ${told.stepped}, and the object that was run to ${told.action}: ` +
          'the path is not told. Usually that is undefined behaviour in the program, or what it does depends on time or chance.',
      );
    }
    const { story } = told;
    const own = `${build.bundledInclude}${path.sep}`;
    const lines = storyText(story, {
      isOwn: (file) => !file.startsWith(own),
      nameOf: (file) => path.basename(file),
      lineText: lineReader(),
    });
    return {
      json: { story: story.steps, ...(story.cut ? { storyCut: true } : {}) },
      lines: [t('path:'), ...lines.map(indented)],
    };
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    return problem(describeError(error));
  }
}

function problem(text: string): StoryAnswer {
  return { json: { story: [], storyProblem: text }, lines: [translated(text)] };
}

function indented(line: string): string {
  return `  ${line}`;
}

function lineReader(): (file: string, line: number) => string | undefined {
  const known = new Map<string, string[]>();
  return (file, line) => {
    try {
      const lines = known.get(file) ?? readFileSync(file, 'utf8').split('\n');
      known.set(file, lines);
      return lines[line - 1]?.trim();
    } catch {
      return undefined;
    }
  };
}
