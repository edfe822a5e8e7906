import * as v from 'valibot';
import { u32 } from './rpc.ts';

/** What crosses between the extension host and the verifier view. Everything a webview sends is untrusted and parsed here. */

const Place = v.object({ file: v.string(), line: u32, column: v.nullable(u32) });

const Failure = v.object({
  code: v.string(),
  file: v.nullable(v.string()),
  line: v.nullable(u32),
  message: v.string(),
  explanation: v.string(),
  fix: v.optional(v.string()),
  /** Stations on the way to it, in the program's order. */
  story: v.array(v.object({ ...Place.entries, text: v.string() })),
});
export type ShownFailure = v.InferOutput<typeof Failure>;

/** A program's log. The view reads it itself: the steps of a long one would be far more than the text. */
const WalkMessage = v.object({
  kind: v.literal('walk'),
  /** What the log is of: a file's name, or that it was pasted. */
  title: v.string(),
  /** Programs to choose from. */
  programs: v.array(v.string()),
  selected: u32,
  verdict: v.picklist(['accepted', 'rejected', 'unknown']),
  log: v.string(),
  /** Characters at the beginning of the log that were not sent. */
  leftOut: v.number(),
  /** Places of the instructions, where the object is known; else those that the log names count. */
  places: v.optional(v.object({ files: v.array(v.string()), rows: v.array(v.number()) })),
  failure: v.optional(Failure),
});
export type WalkMessage = v.InferOutput<typeof WalkMessage>;

export const toVerifierView = v.variant('kind', [
  WalkMessage,
  /** The program is being loaded. */
  v.object({ kind: v.literal('busy'), program: v.string() }),
  v.object({ kind: v.literal('failed'), message: v.string(), fix: v.string() }),
  /** The cursor moved to another line of a source. */
  v.object({ kind: v.literal('cursor'), file: v.string(), line: u32 }),
  /** A source was saved since: the walk is that of the text before. */
  v.object({ kind: v.literal('stale') }),
]);
export type ToVerifierView = v.InferOutput<typeof toVerifierView>;

export const fromVerifierView = v.variant('kind', [
  v.object({ kind: v.literal('ready') }),
  v.object({ kind: v.literal('choose'), program: u32 }),
  v.object({ kind: v.literal('again') }),
  /** Show the line of a step; `focus`: go there. */
  v.object({ kind: v.literal('reveal'), ...Place.entries, focus: v.boolean() }),
]);
export type FromVerifierView = v.InferOutput<typeof fromVerifierView>;
