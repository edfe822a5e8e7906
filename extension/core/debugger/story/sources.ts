import { type CSource, scanSource } from '../../c/source.ts';
import { blankComments } from '../../c/text.ts';
import type { SourcePlace } from '../../object/spec.ts';
import { type Condition, findConditions } from './conditions.ts';
import { type Logic, readLogic } from './logic.ts';
import { type Macros, macrosOf } from './macros.ts';

/** One file as a story reads it. */
export class StorySource {
  readonly file: string;
  readonly scan: CSource;
  /** With literals, without comments. */
  readonly plain: string;
  readonly conditions: readonly Condition[];
  private readonly starts: number[] = [0];
  private readonly logics = new Map<Condition, Logic>();

  constructor(file: string, text: string) {
    this.file = file;
    this.scan = scanSource(text);
    this.plain = blankComments(this.scan.text);
    this.conditions = findConditions(this.scan.code);
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.starts.push(at + 1);
  }

  offsetOf({ line, column }: Pick<SourcePlace, 'line' | 'column'>): number {
    return (this.starts[line - 1] ?? this.scan.text.length) + column - 1;
  }

  lineOf(offset: number): number {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** What stands on a line, without comments. */
  lineText(line: number): string {
    return this.plain.slice(this.starts[line - 1] ?? 0, this.starts[line] ?? this.plain.length).trim();
  }

  /** The innermost condition that a jump at this offset belongs to. */
  conditionAt(offset: number): Condition | undefined {
    let found: Condition | undefined;
    for (const condition of this.conditions) {
      const { start, end } = condition.extent;
      if (offset < start || offset >= end) continue;
      if (found === undefined || end - start < found.extent.end - found.extent.start) found = condition;
    }
    return found;
  }

  logicOf(condition: Condition): Logic {
    const logic = this.logics.get(condition) ?? readLogic({ code: this.scan.code, plain: this.plain }, condition.test);
    this.logics.set(condition, logic);
    return logic;
  }
}

/** Files beyond this are not told about. Characters. */
const maxChars = 1 << 20;

export interface StorySources {
  byFile: ReadonlyMap<string, StorySource>;
  macros: Macros;
}

/** `texts`: by absolute path, of the files that a story is about. */
export function readSources(texts: ReadonlyMap<string, string>): StorySources {
  const byFile = new Map<string, StorySource>();
  for (const [file, text] of texts) if (text.length <= maxChars) byFile.set(file, new StorySource(file, text));
  return { byFile, macros: macrosOf([...byFile.values()].flatMap(({ scan }) => scan.defines)) };
}
