import * as v from 'valibot';
import { captureMessage, captureRequests } from './webview.ts';

/** What crosses between the extension host and the editor of packet test files. */

/** Host → editor. */
export const toTestEditor = v.variant('kind', [
  v.object({
    kind: v.literal('document'),
    /** The file's name, without its folder. */
    name: v.string(),
    text: v.string(),
    /** VS Code's number of this state of the document. */
    version: v.number(),
  }),
  /** An edit could not be made: the document is as it was. */
  v.object({ kind: v.literal('refused'), message: v.string() }),
  captureMessage,
]);
export type ToTestEditor = v.InferOutput<typeof toTestEditor>;

const index = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000));

/** Editor → host. */
export const fromTestEditor = v.variant('kind', [
  v.object({ kind: v.literal('ready') }),
  v.object({
    kind: v.literal('edit'),
    /** The state of the document that the offsets are of: an edit of an older one is refused. */
    version: v.number(),
    /** In order and not overlapping; offsets and lengths in UTF-16 code units. */
    edits: v.pipe(
      v.array(v.object({ offset: index, length: index, text: v.pipe(v.string(), v.maxLength(4 << 20)) })),
      v.maxLength(10_000),
    ),
  }),
  /** Shows the place in the text editor. */
  v.object({ kind: v.literal('showText'), offset: index }),
  v.object({ kind: v.literal('runTests') }),
  ...captureRequests,
]);
export type FromTestEditor = v.InferOutput<typeof fromTestEditor>;
