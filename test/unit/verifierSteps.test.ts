import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { changesAt, nextChange, type Place, placeName } from '../../extension/core/verifier/steps/changes.ts';
import { readInstruction } from '../../extension/core/verifier/steps/instruction.ts';
import { followOrigin } from '../../extension/core/verifier/steps/origin.ts';
import { StepLog } from '../../extension/core/verifier/steps/stepLog.ts';
import { valueWords } from '../../extension/core/verifier/steps/words.ts';
import { fixtureDir, seeded } from '../support/bpfFixture.ts';
import { agreementOf } from '../support/verifierOracle.ts';

/** Logs of Linux 6.18 at log level 2. */
const folder = `${fixtureDir}verifier/`;
const logs = [folder, `${folder}steps/`].flatMap((dir) =>
  readdirSync(dir)
    .filter((file) => file.endsWith('.log'))
    .map((file) => dir + file),
);
const open = (name: string): StepLog => new StepLog(readFileSync(`${folder}${name}.log`, 'utf8'));

test.each(logs)('what is carried along a path is what the verifier prints: %s', (file) => {
  const log = new StepLog(readFileSync(file, 'utf8'));
  expect(agreementOf(log, file).wrong).toEqual([]);
});

test('branches are compared at all', () => {
  const { compared, doubted } = agreementOf(open('steps/firewall'), 'firewall');
  expect(compared).toBeGreaterThan(50);
  expect(doubted).toBeLessThan(compared / 50);
});

/** The first step of an instruction. */
function stepOf(log: StepLog, insn: number): number {
  return log.lines.insns.indexOf(insn);
}

const register = (number: number, frame = 0): Place => ({ kind: 'register', frame, register: number });

function trail(name: string, insn: number, place: Place): string[] {
  const log = open(name);
  return followOrigin(log, stepOf(log, insn), place).stations.map(
    ({ kind, step, place: at }) => `${kind} ${placeName(at)} at ${log.step(step).insn}: ${log.step(step).text}`,
  );
}

test('a packet pointer is followed to the context', () => {
  expect(trail('packetBounds', 5, register(1))).toMatchInlineSnapshot(`
    [
      "proof r1 at 5: if r3 > r2 goto pc+4",
      "load r1 at 2: r1 = *(u32 *)(r1 +0)",
    ]
  `);
});

test('a value is followed through a call, into the function and out of it', () => {
  expect(trail('subprograms', 10, register(0))).toMatchInlineSnapshot(`
    [
      "arithmetic r0 at 10: r0 += r6",
      "return r0 at 20: exit",
      "arithmetic frame1: r0 at 19: r0 *= 3",
      "copy frame1: r0 at 18: r0 = r1",
      "argument frame1: r1 at 9: call pc+8",
      "constant r1 at 8: r1 = 2",
    ]
  `);
});

test('a value is followed through the stack', () => {
  expect(trail('steps/rateLimiter', 55, { kind: 'slot', frame: 0, offset: -32 })).toMatchInlineSnapshot(`
    [
      "save fp-32 at 55: *(u64 *)(r10 -32) = r9",
      "copy r9 at 53: r9 = r8",
      "copy r8 at 46: r8 = r0",
      "call r0 at 45: call bpf_ktime_get_ns#5",
    ]
  `);
});

test('a step says what it changed', () => {
  const log = open('packetBounds');
  const changed = Array.from({ length: log.count }, (_, step) =>
    changesAt(log, step).map(
      ({ place, before, after }) => `${log.step(step).insn}: ${placeName(place)} ${before?.text} → ${after?.text}`,
    ),
  );
  expect(changed.flat()).toMatchInlineSnapshot(`
    [
      "0: r0 undefined → 2",
      "1: r2 undefined → pkt_end()",
      "2: r1 ctx() → pkt(r=0)",
      "3: r3 undefined → pkt(r=0)",
      "4: r3 pkt(r=0) → pkt(off=14,r=0)",
      "5: r1 pkt(r=0) → pkt(r=14)",
      "5: r3 pkt(off=14,r=0) → pkt(off=14,r=14)",
    ]
  `);
});

test('the next change of a register, back and on', () => {
  const log = open('packetBounds');
  const from = stepOf(log, 3);
  const insnOf = (step: number | undefined): number | undefined =>
    step === undefined ? undefined : log.step(step).insn;
  expect([
    insnOf(nextChange(log, from, register(1), 'back')),
    insnOf(nextChange(log, from, register(1), 'on')),
  ]).toEqual([2, 5]);
});

test.each([
  ['pkt(off=14,r=34)', 'packet pointer at byte 14, 20 bytes from here proven'],
  ['pkt(r=0)', 'packet pointer at byte 0, nothing proven behind it'],
  ['pkt(off=34,r=0xfffffffffffffffe)', 'packet pointer at byte 34, at or behind the end of the packet'],
  [
    'pkt(id=2,off=22,r=30,smin=umin=smin32=umin32=20,smax=umax=smax32=umax32=60,var_off=(0x0; 0x3c))',
    'packet pointer at byte 22 + a number 20…60, 8 bytes from here proven',
  ],
  ['pkt_end()', 'the end of the packet (data_end)'],
  ['ctx()', 'the context'],
  ['fp-8', 'address of fp-8 on the stack'],
  ['fp[0]-32', 'address of fp-32 on the stack of frame 0'],
  ['fp0', "the stack's top"],
  ['map_value(map=counts,ks=4,vs=16,off=8)', 'value of counts (16 bytes) + 8'],
  ['map_value_or_null(id=1,map=counts,ks=4,vs=16)', 'value of counts, or NULL: not tested yet'],
  ['ringbuf_mem_or_null(id=11,ref_obj_id=11,sz=96)', 'a record of a ring buffer (96 bytes), or NULL: not tested yet'],
  ['scalar()', 'any number'],
  ['5', '5'],
  ['0xffffffea', '0xffffffea (-22 in 32 bits)'],
  ['scalar(smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))', 'a number 0…255'],
  ['scalar(smin=smin32=0,smax=umax=smax32=umax32=60,var_off=(0x0; 0x3c))', 'a number 0…60, a multiple of 4'],
  ['scalar(smax=-1,umin=0x8000000000000000,var_off=(0x8000000000000000; 0x7fffffffffffffff))', 'a negative number'],
  ['scalar(umin=1)', 'a number of at least 1 (unsigned)'],
  ['inv(id=0,umax_value=255,var_off=(0x0; 0xff))', 'a number 0…255'],
  ['mmmm????', '4 bytes written, 4 never written'],
  ['????scalar(umax=7)', 'a number 0…7, in the lower 4 bytes'],
  ['trusted_ptr_task_struct(off=4)', "a pointer to the kernel's `struct task_struct` + 4"],
])('%s in words', (text, words) => {
  expect(valueWords(text)).toBe(words);
});

test.each([
  ['r1 = *(u8 *)(r2 +23)', { kind: 'load', target: 1, base: 2, offset: 23, bytes: 1, signed: false }],
  ['r1 = *(s32 *)(r10 -8)', { kind: 'load', target: 1, base: 10, offset: -8, bytes: 4, signed: true }],
  ['*(u64 *)(r10 -16) = r3', { kind: 'store', base: 10, offset: -16, bytes: 8, source: 3, text: 'r3' }],
  ['*(u32 *)(r10 -4) = 7', { kind: 'store', base: 10, offset: -4, bytes: 4, source: undefined, text: '7' }],
  ['r1 = r2', { kind: 'move', target: 1, source: 2, wide: true }],
  ['w1 = w2', { kind: 'move', target: 1, source: 2, wide: false }],
  ['r1 = (s8)r2', { kind: 'move', target: 1, source: 2, wide: false }],
  ['r1 += r2', { kind: 'arithmetic', target: 1, operator: '+=', source: 2, text: 'r2' }],
  ['w1 s>>= 4', { kind: 'arithmetic', target: 1, operator: 's>>=', source: undefined, text: '4' }],
  ['r1 = be16 r1', { kind: 'arithmetic', target: 1, operator: '=', source: undefined, text: 'be16 r1' }],
  ['r1 = -r1', { kind: 'arithmetic', target: 1, operator: '=', source: undefined, text: '-r1' }],
  ['r1 = 0xffff8881', { kind: 'constant', target: 1, text: '0xffff8881' }],
  ['if r1 s> 0x4 goto pc+3', { kind: 'test', left: 1, operator: 's>', right: undefined, text: '0x4' }],
  ['if w1 != w2 goto pc-3', { kind: 'test', left: 1, operator: '!=', right: 2, text: 'w2' }],
  ['goto pc-4', { kind: 'jump' }],
  ['may_goto pc+4', { kind: 'jump' }],
  ['call bpf_map_lookup_elem#1', { kind: 'call', name: 'bpf_map_lookup_elem', own: false }],
  ['call pc+11', { kind: 'call', name: 'pc+11', own: true }],
  ['exit', { kind: 'exit' }],
  ['lock *(u64 *)(r1 +8) += r2', { kind: 'atomic', base: 1, offset: 8, bytes: 8, source: 2, target: undefined }],
  [
    'r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)',
    { kind: 'atomic', base: 1, offset: 0, bytes: 8, source: 2, target: 2 },
  ],
  ['r3 = atomic_xchg((u32 *)(r1 +4), r3)', { kind: 'atomic', base: 1, offset: 4, bytes: 4, source: 3, target: 3 }],
  ['(91) r0 = what is this', { kind: 'other' }],
])('%s', (text, instruction) => {
  expect(readInstruction(text)).toEqual(instruction);
});

test('any text is taken, and ends', () => {
  const random = seeded(7);
  const source = readFileSync(`${folder}steps/rateLimiter.log`, 'utf8').split('\n');
  for (let round = 0; round < 60; round++) {
    const lines = Array.from({ length: 300 }, () => {
      const line = source[random(source.length)] ?? '';
      return random(4) === 0 ? line.slice(random(line.length + 1)) : line;
    });
    const log = new StepLog(lines.join('\n'));
    for (let step = 0; step < log.count; step++) {
      expect(log.previous(step) ?? -1).toBeLessThan(step);
      for (const place of changesAt(log, step)) valueWords(place.after?.text ?? '');
      followOrigin(log, step, register(random(11)));
    }
  }
});

test('a log of which the beginning is missing says so', () => {
  const whole = readFileSync(`${folder}steps/firewall.log`, 'utf8');
  const log = new StepLog(whole.slice(whole.indexOf('\n30: (') + 1));
  expect(log.lines.headless).toBe(true);
  expect(open('steps/firewall').lines.headless).toBe(false);
});

test.each([
  ['packetBounds', 'failed'],
  ['accepted', 'exit'],
  ['endlessLoop', 'exit'],
])('the last step of %s: %s', (name, end) => {
  const log = open(name);
  expect(log.step(log.count - 1).end).toBe(end);
});
