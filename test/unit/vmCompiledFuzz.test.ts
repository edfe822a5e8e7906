import { expect, test } from 'vitest';
import { runBytecode } from '../../extension/core/vm/rawProgram.ts';
import { Fault } from '../../extension/core/vm/memory/regions.ts';
import { seeded } from '../support/bpfFixture.ts';
import { assemble } from '../support/vmAssembler.ts';

/** Programs that no compiler would write, on both engines: each must end in the same way, at the same instruction. */
const fuel = 3000;
const inputBytes = 24;

function outcome(engine: 'interpreter' | 'wasm', bytes: Uint8Array, limit: number): string {
  const input = Uint8Array.from({ length: inputBytes }, (_, at) => at * 7);
  try {
    return `r0 ${runBytecode(bytes, input, limit, engine)}`;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.reason === 'fuel') return 'endless';
    // Addresses differ: an engine has things of its own in memory.
    return String(error).replace(/ (at|through) .*(0x[0-9a-f]+|\d{4,}|-\d{3,}).*/, ' far away');
  }
}

/** Compiled code looks at its fuel when it goes back, so that it may get a little further. */
function expectSame(source: string): string {
  const bytes = assemble(source);
  const compiled = outcome('wasm', bytes, fuel);
  const own = outcome('interpreter', bytes, fuel);
  const further = own === 'endless' && compiled !== own ? outcome('interpreter', bytes, fuel + 1000) : own;
  expect(compiled, source).toBe(further);
  return compiled;
}

type Below = (limit: number) => number;

const conditions = ['jeq', 'jne', 'jgt', 'jge', 'jlt', 'jle', 'jsgt', 'jsle', 'jset'];

/** Blocks that go wherever chance has it, into the middle of loops as well. */
function tangle(below: Below): string {
  const blocks = 2 + below(14);
  const length = 4;
  const lines: string[] = ['mov r0, 0', 'mov r3, 5', 'mov r4, 9', 'mov r5, 1', 'mov r6, 2'];
  const first = lines.length;
  const register = (): string => `r${[0, 3, 4, 5, 6][below(5)]}`;
  const jump = (at: number): number => first + length * below(blocks) - at - 1;
  for (let block = 0; block < blocks; block++) {
    lines.push(`add r0, ${1 + below(50)}`, `${['add', 'xor', 'mul', 'sub'][below(4)]} ${register()}, ${register()}`);
    const last = block === blocks - 1;
    const condition = conditions[below(conditions.length)];
    lines.push(`${condition} ${register()}, ${below(40)}, ${signed(jump(lines.length))}`);
    const kind = below(6);
    if (last || kind === 0) lines.push('exit');
    else if (kind === 1) lines.push(`ja ${signed(jump(lines.length))}`);
    else if (kind === 2) lines.push(`may_goto ${signed(jump(lines.length))}`);
    else lines.push(`add ${register()}, ${below(9)}`);
  }
  return lines.join('\n');
}

/** Pointers to the input and the stack, moved, spilled and mixed, and accesses through them. */
function wander(below: Below): string {
  const lines: string[] = ['mov r0, 0', 'mov r3, r10', 'mov r4, r1', 'mov r5, 3', 'mov r6, r10', 'stxdw [r10-8], r1'];
  const pointer = (): string => `r${[1, 3, 4, 6][below(4)]}`;
  const number = (): string => `r${[0, 5][below(2)]}`;
  const size = (): string => ['b', 'h', 'w', 'dw'][below(4)] ?? 'b';
  const offset = (): string => signed(below(3) === 0 ? below(40) - 20 : below(8));
  for (let round = 4 + below(14); round > 0; round--) {
    switch (below(12)) {
      case 0:
        lines.push(`add ${pointer()}, ${below(24) - 8}`);
        break;
      case 1:
        lines.push(`add ${pointer()}, ${number()}`);
        break;
      case 2:
        lines.push(`mov ${pointer()}, ${pointer()}`);
        break;
      case 3:
        lines.push(`sub ${pointer()}, ${below(16)}`);
        break;
      case 4:
        lines.push(`jgt r5, ${below(9)}, +1`, `add ${pointer()}, ${below(64) - 32}`);
        break;
      case 5:
        lines.push(`stxdw [r10-${8 * (1 + below(3))}], ${pointer()}`);
        break;
      case 6:
        lines.push(`ldxdw ${pointer()}, [r10-${8 * (1 + below(3))}]`);
        break;
      case 7:
        lines.push(
          `lock ${['add', 'fetch_add', 'xchg'][below(3)]} ${below(2) ? 'w' : 'dw'} [${pointer()}${offset()}], r5`,
          'mov r5, 3',
        );
        break;
      case 8:
      case 9:
        lines.push(`stx${size()} [${pointer()}${offset()}], ${number()}`);
        break;
      default:
        // What is loaded may be a part of a pointer, which engines number differently.
        lines.push(`ldx${size()} r0, [${pointer()}${offset()}]`, `mov r0, ${below(8)}`);
    }
  }
  return [...lines, 'exit'].join('\n');
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

test.each([
  ['jumps without any order', tangle, 1000],
  ['pointers that go astray', wander, 1500],
] as const)('both engines end in the same way: %s', (_, generate, rounds) => {
  const random = seeded(71);
  const endings = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const kind = expectSame(generate(random))
      .replace(/ \d+.*/, '')
      .replace(/^Error.*/, 'fault');
    endings.set(kind, (endings.get(kind) ?? 0) + 1);
  }
  // Some must come to something, and some must not.
  expect(endings.get('r0')).toBeGreaterThan(rounds / 10);
  expect(endings.size).toBeGreaterThan(1);
});

test('a loop with two entries', () => {
  // From r5 the first jump leads into the middle of the loop, as optimisers do it with two loops that they join.
  for (const start of [0, 1])
    expect(
      expectSame(`mov r0, 0
mov r5, ${start}
jeq r5, 0, +1
add r0, 100
add r0, 1
jlt r0, 500, -3
exit`),
    ).toBe(start === 0 ? 'r0 506' : 'r0 505');
});
