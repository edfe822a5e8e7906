import type { Block } from './blocks.ts';

/** A stretch of positions, from the first up to but without the end, that a `block` or a `loop` of WebAssembly is around. */
export interface Scope {
  start: number;
  end: number;
  /** A branch to a loop goes to its start, one to a block behind its end. */
  kind: 'block' | 'loop';
}

/** The order in which blocks stand in WebAssembly, and what is around them, outermost first among those that start together. */
export interface Layout {
  /** Numbers of blocks by position. */
  order: readonly number[];
  scopes: readonly Scope[];
}

interface Loop {
  header: number;
  size: number;
  parent: Loop | undefined;
}

/** Following loops back may take this many steps for each block: what is nested deeper is left to a dispatcher. */
const stepsPerBlock = 64;

/**
 * Structured control flow for a function's blocks: loops become `loop`s, and jumps forward leave `block`s, as LLVM's
 * WebAssemblyCFGSort and CFGStackify do it. Undefined where code jumps into the middle of a loop: that has no such form.
 * `successors` are numbers of blocks, by number of block.
 */
export function layOut(
  blocks: readonly Block[],
  successors: readonly (readonly number[])[],
  entry: number,
): Layout | undefined {
  const graph = walk(successors, entry);
  const innermost = findLoops(graph, entry, blocks.length);
  if (innermost === undefined) return undefined;
  const order = sort(graph, innermost, entry);
  if (order === undefined) return undefined;
  const position = new Int32Array(blocks.length).fill(-1);
  for (const [at, block] of order.entries()) position[block] = at;
  return { order, scopes: findScopes(graph, innermost, order, position) };
}

interface Graph {
  /** What can be reached, without duplicates. */
  successors: readonly (readonly number[])[];
  /** Where edges come from that close no loop. */
  forward: readonly number[][];
  /** Where edges come from that close one. */
  back: readonly number[][];
  reached: readonly number[];
}

function walk(given: readonly (readonly number[])[], entry: number): Graph {
  const successors = given.map((each) => [...new Set(each)]);
  const forward: number[][] = given.map(() => []);
  const back: number[][] = given.map(() => []);
  const state = new Uint8Array(given.length);
  const next = new Int32Array(given.length);
  const path = [entry];
  const reached = [entry];
  state[entry] = 1;
  while (path.length > 0) {
    const block = path[path.length - 1]!;
    const to = successors[block]![next[block]!++];
    if (to === undefined) {
      state[block] = 2;
      path.pop();
      continue;
    }
    (state[to] === 1 ? back : forward)[to]!.push(block);
    if (state[to] !== 0) continue;
    state[to] = 1;
    reached.push(to);
    path.push(to);
  }
  return { successors, forward, back, reached };
}

/** The innermost loop of each block; undefined when a loop has a second entry. */
function findLoops({ forward, back, reached }: Graph, entry: number, count: number): (Loop | undefined)[] | undefined {
  const bodies: { loop: Loop; body: number[] }[] = [];
  let steps = stepsPerBlock * (reached.length + 16);
  const seenFor = new Int32Array(count).fill(-1);
  for (const header of reached) {
    if (back[header]!.length === 0) continue;
    const body = [header];
    seenFor[header] = header;
    const open = [...back[header]!];
    for (let block = open.pop(); block !== undefined; block = open.pop()) {
      if (seenFor[block] === header) continue;
      if (block === entry || --steps < 0) return undefined;
      seenFor[block] = header;
      body.push(block);
      open.push(...forward[block]!, ...back[block]!);
    }
    bodies.push({ loop: { header, size: body.length, parent: undefined }, body });
  }
  const innermost: (Loop | undefined)[] = Array.from({ length: count }, () => undefined);
  const outermost: (Loop | undefined)[] = Array.from({ length: count }, () => undefined);
  bodies.sort((a, b) => a.loop.size - b.loop.size);
  for (const { loop, body } of bodies) {
    for (const block of body) {
      const inside = outermost[block];
      if (inside !== undefined && inside !== loop) inside.parent ??= loop;
      outermost[block] = loop;
      innermost[block] ??= loop;
    }
  }
  return innermost;
}

/** Forward edges lead forward, every loop stands together, and what falls through follows where it can. */
function sort(
  { successors, forward, reached }: Graph,
  innermost: readonly (Loop | undefined)[],
  entry: number,
): number[] | undefined {
  const missing = forward.map((from) => from.length);
  const ready = new Map<Loop | undefined, number[]>();
  const left = new Map<Loop, number>();
  const order: number[] = [];
  /** The loop that must be running before a block may come: for a loop's first block, the one around. */
  const homeOf = (block: number): Loop | undefined => {
    const loop = innermost[block];
    return loop?.header === block ? loop.parent : loop;
  };
  let current: Loop | undefined;
  let block: number | undefined = entry;
  while (block !== undefined) {
    order.push(block);
    if (innermost[block]?.header === block) {
      current = innermost[block]!;
      left.set(current, current.size);
    }
    for (let loop = current; loop !== undefined; loop = loop.parent) left.set(loop, left.get(loop)! - 1);
    for (const to of successors[block]!) {
      if (!forward[to]!.includes(block) || --missing[to]! > 0) continue;
      const home = homeOf(to);
      const list = ready.get(home);
      if (list === undefined) ready.set(home, [to]);
      else list.push(to);
    }
    while (current !== undefined && left.get(current) === 0) current = current.parent;
    block = takeNext(ready.get(current), successors[block]![0]);
  }
  return order.length === reached.length ? order : undefined;
}

function takeNext(ready: number[] | undefined, fallThrough: number | undefined): number | undefined {
  if (ready === undefined || ready.length === 0) return undefined;
  let best = 0;
  for (const [at, block] of ready.entries()) {
    if (block === fallThrough) return ready.splice(at, 1)[0];
    if (block < ready[best]!) best = at;
  }
  return ready.splice(best, 1)[0];
}

function findScopes(
  { forward }: Graph,
  innermost: readonly (Loop | undefined)[],
  order: readonly number[],
  position: Int32Array,
): Scope[] {
  const endOf = (loop: Loop): number => position[loop.header]! + loop.size;
  const scopes: Scope[] = [];
  /** Those that are inside no other so far, by place. */
  const outer: { start: number; end: number }[] = [];
  for (const [end, block] of order.entries()) {
    let start = end;
    for (const from of forward[block]!) {
      // What falls through needs no branch.
      if (position[from] === end - 1) continue;
      let first = position[from]!;
      for (let loop = innermost[from]; loop !== undefined && endOf(loop) <= end; loop = loop.parent) {
        first = position[loop.header]!;
      }
      start = Math.min(start, first);
    }
    if (innermost[block]?.header === block) scopes.push({ start: end, end: endOf(innermost[block]!), kind: 'loop' });
    if (start === end) continue;
    // Scopes must not cross: one that would start in the middle of another starts with it.
    while (outer.length > 0 && outer[outer.length - 1]!.start >= start) outer.pop();
    const around = outer[outer.length - 1];
    if (around !== undefined && around.end > start) {
      start = around.start;
      outer.pop();
    }
    outer.push({ start, end });
    scopes.push({ start, end, kind: 'block' });
  }
  return scopes.sort((a, b) => a.start - b.start || b.end - a.end || (a.kind === 'block' ? -1 : 1));
}
