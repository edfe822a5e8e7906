import type { Layout, Scope } from './flow.ts';
import { faultKind, imported, local, saveFuel } from './layout.ts';
import { emptyBlock, type WasmWriter, wasm } from './writer.ts';

/**
 * Opens and closes the `block`s and `loop`s around the blocks of one function, and branches among them. Without a layout there
 * is one `loop` around all blocks, in whose beginning a table leads to the block whose number is in a local.
 */
export class Control {
  readonly order: readonly number[];
  private readonly out: WasmWriter;
  private readonly scopes: readonly Scope[];
  private readonly isDispatched: boolean;
  private readonly position: Int32Array;
  /** What is open, outermost first. */
  private readonly open: Scope[] = [];
  /** By position: where in `open` the scope is that a branch there leaves. */
  private readonly levels: Int32Array;
  private next = 0;

  constructor(out: WasmWriter, count: number, entry: number, layout: Layout | undefined) {
    this.out = out;
    this.isDispatched = layout === undefined;
    this.order = layout?.order ?? Array.from({ length: count }, (_, number) => number);
    this.scopes = layout?.scopes ?? [];
    this.position = new Int32Array(count).fill(-1);
    for (const [at, number] of this.order.entries()) this.position[number] = at;
    this.levels = new Int32Array(count + 1).fill(-1);
    if (this.isDispatched) this.openDispatcher(count, entry);
  }

  /** Before the block at this position. */
  begin(at: number): void {
    this.close(at);
    if (this.isDispatched) return;
    for (let scope = this.scopes[this.next]; scope?.start === at; scope = this.scopes[++this.next]) this.enter(scope);
  }

  end(): void {
    this.close(this.order.length);
    this.out.op(wasm.unreachable, wasm.end);
  }

  /** Must a jump from one block to another end with goTo(), which asks for fuel? */
  isBackward(from: number, to: number): boolean {
    return this.position[to]! <= this.position[from]!;
  }

  isNext(from: number, to: number): boolean {
    return this.position[to] === this.position[from]! + 1;
  }

  /** Goes on with another block; what follows is not reached. `nested`: scopes of the emitter's own around the branch. */
  goTo(from: number, to: number, slot: number, nested = 0): void {
    const { out } = this;
    if (this.isBackward(from, to)) {
      // Only loops can run for ever, and every loop goes back somewhere.
      out.get(local.fuel).i32(0).op(wasm.i32LtS, wasm.if, emptyBlock);
      emitFault(out, slot, faultKind.fuel);
      out.op(wasm.end);
      if (this.isDispatched) out.i32(to).set(local.block);
      out.op(wasm.br).unsigned(this.depthOf(to, true) + nested);
    } else if (nested > 0 || !this.isNext(from, to)) {
      out.op(wasm.br).unsigned(this.depthOf(to, false) + nested);
    }
  }

  /** Goes forward to another block if the number on the stack is not 0. */
  goToIf(to: number): void {
    this.out.op(wasm.brIf).unsigned(this.depthOf(to, false));
  }

  private depthOf(to: number, isBack: boolean): number {
    const at = isBack && this.isDispatched ? 0 : this.position[to]!;
    const level = isBack
      ? this.open.findIndex((scope) => scope.kind === 'loop' && scope.start === at)
      : this.levels[at]!;
    if (level < 0) throw new Error(`no scope leads to block ${to}`);
    return this.open.length - 1 - level;
  }

  private enter(scope: Scope): void {
    if (scope.kind === 'block') this.levels[scope.end] = this.open.length;
    this.open.push(scope);
    this.out.op(scope.kind === 'loop' ? wasm.loop : wasm.block, emptyBlock);
  }

  private close(at: number): void {
    while (this.open[this.open.length - 1]?.end === at) {
      this.open.pop();
      this.out.op(wasm.end);
    }
  }

  private openDispatcher(count: number, entry: number): void {
    const { out } = this;
    out.i32(entry).set(local.block);
    this.enter({ start: 0, end: count, kind: 'loop' });
    for (let number = count - 1; number >= 0; number--) this.enter({ start: 0, end: number, kind: 'block' });
    out
      .get(local.block)
      .op(wasm.brTable)
      .unsigned(count - 1);
    for (let number = 0; number < count; number++) out.unsigned(number);
  }
}

/** The machine throws: nothing comes back. */
export function emitFault(out: WasmWriter, slot: number, kind: number): void {
  saveFuel(out);
  out.i32(slot).i32(kind).call(imported.fault).op(wasm.unreachable);
}
