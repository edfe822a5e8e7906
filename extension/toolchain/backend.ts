import { basename } from 'node:path';
import type { ClangDiagnostic } from './diagnostics.ts';

/** What the BPF back end cannot make, as LLVM's selector names it, and what to write instead. */
const withoutInstruction: readonly (readonly [operation: RegExp, words: string])[] = [
  [
    /AtomicLoadSub/,
    'BPF has no atomic subtraction (AtomicLoadSub): add the negative number, `__sync_fetch_and_add(p, -n)`',
  ],
  [
    /Atomic(?:LoadNand|LoadMin|LoadMax|LoadUMin|LoadUMax)/,
    'BPF has no such atomic operation: it has add, and, or, xor, exchange and compare-and-exchange',
  ],
  [
    /AtomicStore/,
    'BPF has no atomic store in this instruction set (AtomicStore): exchange the value, `__sync_lock_test_and_set(p, n)`',
  ],
  [
    /AtomicFence/,
    'BPF has no memory barrier (AtomicFence): an atomic operation whose result is used, such as `__sync_fetch_and_add`, orders memory',
  ],
];

/**
 * LLVM gives up on what it has no instruction for as if it had crashed, with the place in the source behind its own words. undefined: it
 * gave up on something else.
 */
export function unsupportedOperation(stderr: string, file: string): ClangDiagnostic | undefined {
  const said = /error in backend: (Cannot select: .*), ([^,\s]+):(\d+):(\d+)\s*$/m.exec(stderr);
  if (said === null || said[2] !== basename(file)) return undefined;
  const message = withoutInstruction.find(([operation]) => operation.test(said[1] ?? ''))?.[1];
  if (message === undefined) return undefined;
  return {
    file,
    line: Number(said[3]),
    column: Math.max(1, Number(said[4])),
    severity: 'error',
    message,
    includedFrom: [],
  };
}
