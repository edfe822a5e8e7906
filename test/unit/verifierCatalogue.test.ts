import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { catalogue } from '../../extension/core/verifier/catalogue/catalogue.ts';
import { type FailureCode, failureCodes } from '../../extension/core/verifier/catalogue/codes.ts';
import { explainLog } from '../../extension/core/verifier/explain.ts';

/** Messages as the kernels print them: kernel/bpf/verifier.c and btf.c of 5.15, 6.1, 6.12 and 6.18. */
const messages: readonly (readonly [FailureCode, string])[] = [
  ['packet-bounds', 'invalid access to packet, off=12 size=1, R2(id=0,off=12,r=1)\nR2 offset is outside of the packet'],
  ['packet-bounds', 'R1 offset is outside of the packet'],
  ['packet-bounds', "R1 invalid mem access 'pkt_end'"],
  ['null-pointer', "R0 invalid mem access 'map_value_or_null'"],
  ['null-pointer', "R0 invalid mem access 'sock_or_null'"],
  ['null-pointer', "R0 invalid mem access 'trusted_ptr_or_null_'"],
  ['null-pointer', 'R0 pointer arithmetic on map_value_or_null prohibited, null-check it first'],
  ['null-pointer', 'R2 type=map_value_or_null expected=fp'],
  ['null-pointer', 'Possibly NULL pointer passed to trusted arg0'],
  ['null-pointer', 'Possibly NULL pointer passed to helper arg2'],
  ['null-pointer', 'arg#0 is expected to be non-NULL'],
  ['not-a-pointer', "R7 invalid mem access 'inv'"],
  ['not-a-pointer', "R7 invalid mem access 'scalar'"],
  [
    'map-value-bounds',
    'invalid access to map value, value_size=8 off=8 size=4\nR0 min value is outside of the allowed memory range',
  ],
  ['map-value-bounds', 'invalid access to map key, key_size=4 off=4 size=4'],
  [
    'memory-bounds',
    'invalid access to memory, mem_size=8 off=8 size=8\nR0 min value is outside of the allowed memory range',
  ],
  ['memory-bounds', 'R1 invalid rdonly buffer access: off=8, size=8'],
  ['negative-offset', 'R0 min value is negative, either use unsigned index or do a if (index >=0) check.'],
  ['unbounded-offset', 'R0 unbounded memory access, make sure to bounds check any such access'],
  ['unbounded-offset', 'math between pkt pointer and register with unbounded min value is not allowed'],
  ['unbounded-offset', 'value -2147483648 makes map_value pointer be out of bounds'],
  ['unbounded-offset', 'invalid unbounded variable-offset read from stack R2'],
  ['pointer-out-of-range', 'math between fp pointer and 2147483647 is not allowed'],
  ['pointer-out-of-range', 'value 1073741823 makes map_value pointer be out of bounds'],
  ['pointer-out-of-range', 'pkt pointer offset -1073741822 is not allowed'],
  ['pointer-arithmetic', 'R3 pointer arithmetic on pkt_end prohibited'],
  ['pointer-arithmetic', 'R0 bitwise operator &= on pointer prohibited'],
  ['pointer-arithmetic', 'R1 pointer arithmetic with <<= operator prohibited'],
  ['pointer-arithmetic', 'R1 pointer += pointer prohibited'],
  ['pointer-arithmetic', 'R1 32-bit pointer arithmetic prohibited'],
  ['pointer-arithmetic', 'R1 partial copy of pointer'],
  ['missing-capability', 'R0 pointer -= pointer prohibited'],
  [
    'missing-capability',
    'R1 has unknown scalar with mixed signed bounds, pointer arithmetic with it prohibited for !root',
  ],
  ['missing-capability', 'bpf_array access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN'],
  ['pointer-comparison', 'R1 pointer comparison prohibited'],
  ['uninitialised-register', 'R2 !read_ok'],
  ['missing-return-value', 'R0 !read_ok'],
  ['uninitialised-stack', 'invalid indirect read from stack R2 off -8+4 size 8'],
  ['uninitialised-stack', 'invalid read from stack off -16+0 size 8'],
  ['uninitialised-stack', 'invalid read from stack R6 off -8+1 size 8'],
  ['stack-bounds', 'invalid write to stack R10 off=-520 size=8'],
  ['stack-bounds', 'invalid indirect access to stack R1 off=-64 size=65'],
  ['stack-bounds', 'invalid stack type R3 off=-32 access_size=40'],
  ['stack-bounds', 'invalid variable-offset read from stack R2 var_off=(0x0; 0x3ff) off=-16 size=1'],
  ['stack-pointer-spill', 'attempt to corrupt spilled pointer on stack'],
  ['stack-limit', 'combined stack size of 2 calls is 608. Too large'],
  ['call-depth', 'the call stack of 9 frames is too deep'],
  ['tail-call', 'tail_calls are not allowed when call stack of previous frames is 320 bytes. Too large'],
  ['frame-pointer', 'frame pointer is read only'],
  ['type-mismatch', 'R1 type=inv expected=map_ptr'],
  ['type-mismatch', 'R1 type=scalar expected=fp, pkt, map_value'],
  ['type-mismatch', 'arg#0 expected pointer to ctx, but got fp'],
  ['type-mismatch', 'R1 is of type task_struct but file is expected'],
  ['type-mismatch', 'helper access to the packet is not allowed'],
  ['constant-argument', "R4 is not a known constant'"],
  ['constant-argument', 'R4 must be a known constant'],
  ['unbounded-size', "R4 unbounded memory access, use 'var &= const' or 'if (var < const)'"],
  ['negative-size', "R4 min value is negative, either use unsigned or 'var &= const'"],
  ['zero-size', 'R2 invalid zero-sized read: u64=[0,31]'],
  ['zero-size', 'R2 invalid zero-sized read'],
  ['context-access', 'invalid bpf_context access off=64 size=4'],
  ['modified-context', 'dereference of modified ctx ptr R1 off=8 disallowed'],
  ['modified-context', 'negative offset ctx ptr R1 off=-1 disallowed'],
  ['modified-context', 'variable ctx access var_off=(0x0; 0x4) disallowed'],
  ['map-pointer-access', 'only read from bpf_array is supported'],
  ['map-type-not-allowed', 'cannot pass map_type 2 into func bpf_tail_call#12'],
  ['map-type-not-allowed', 'expected prog array map for tail call'],
  ['read-only-memory', 'write into map forbidden, value_size=4 off=0 size=4'],
  ['read-only-memory', 'R1 cannot write into rdonly_mem'],
  ['read-only-memory', 'cannot write into packet'],
  ['write-only-memory', 'read from map forbidden, value_size=4 off=0 size=4'],
  ['special-field', 'bpf_spin_lock cannot be accessed directly by load/store'],
  ['special-field', "timer pointer in R1 map_uid=0 doesn't match map pointer in R2 map_uid=0"],
  ['special-field', 'store to referenced kptr disallowed'],
  ['misaligned-access', 'misaligned packet access off 2+0+15+-4 size 4'],
  ['misaligned-access', 'misaligned stack access off 0+-10+8 size 8'],
  ['atomic-operation', 'BPF_ATOMIC stores into R1 ctx is not allowed'],
  ['helper-not-allowed', 'unknown func bpf_skb_pull_data#39'],
  ['helper-not-allowed', 'program of this type cannot use helper bpf_skb_pull_data#39'],
  ['unknown-helper', 'invalid func unknown#9999'],
  ['unresolved-extern', 'failed to resolve CO-RE relocation <byte_off> [12] struct task_struct___x.y (0:1 @ offset 4)'],
  ['unresolved-extern', "kfunc 'bpf_dynptr_from_xdp' is referenced but wasn't resolved"],
  ['kfunc-not-allowed', 'calling kernel function bpf_task_acquire is not allowed'],
  ['kfunc-not-allowed', 'metadata kfuncs require device-bound program'],
  [
    'kfunc-argument',
    'kernel function bpf_kfunc_call_test args#0 expected pointer to STRUCT prog_test_ref_kfunc but R1 has a pointer to STRUCT x',
  ],
  ['gpl-only', 'cannot call GPL-restricted function from non-GPL compatible program'],
  ['gpl-only', 'cannot call kernel function from non-GPL compatible program'],
  ['unreleased-reference', 'Unreleased reference id=2 alloc_insn=4'],
  [
    'unreleased-reference',
    'Unreleased reference id=2 alloc_insn=4\nBPF_EXIT instruction in main prog would lead to reference leak',
  ],
  ['unreleased-reference', 'tail_call would lead to reference leak'],
  ['invalid-release', 'R1 must be referenced when passed to release function'],
  ['invalid-release', 'func bpf_sk_release#86 reference has not been acquired before'],
  ['invalid-release', 'R1 must have zero offset when passed to release func'],
  ['spin-lock', 'bpf_spin_unlock is missing'],
  ['spin-lock', 'BPF_EXIT instruction in main prog cannot be used inside bpf_spin_lock-ed region'],
  ['spin-lock', 'function calls are not allowed while holding a lock'],
  ['spin-lock', "map 'x' has to have BTF in order to use bpf_spin_lock"],
  ['critical-section', 'bpf_rcu_read_unlock is missing'],
  ['critical-section', 'BPF_EXIT instruction in main prog cannot be used inside bpf_preempt_disable-ed region'],
  ['critical-section', '1 bpf_preempt_enable is missing'],
  ['return-value', 'At program exit the register R0 has value (0x7; 0x0) should have been in (0x0; 0x3)'],
  ['return-value', 'At program exit the register R0 has smin=7 smax=7 should have been in [0, 1]'],
  ['return-value', 'At program exit the register R0 has unknown scalar value should have been in (0x0; 0x1)'],
  ['return-value', 'At program exit the register R0 is not a known value (ctx)'],
  ['missing-exit', 'last insn is not an exit or jmp'],
  ['unreachable-code', 'unreachable insn 2'],
  ['back-edge', 'back-edge from insn 5 to 2'],
  ['infinite-loop', 'infinite loop detected at insn 5'],
  ['too-complex', 'BPF program is too large. Processed 1000001 insn'],
  ['too-complex', 'The sequence of 8193 jumps is too complex.'],
  ['too-large', 'too many subprograms'],
  ['jump-out-of-range', 'jump out of range from insn 0 to 1001'],
  ['global-function', "Caller passes invalid args into func#1 ('foo')"],
  ['global-function', "Global function foo() doesn't return scalar. Only those are supported."],
  ['global-function', 'Arg#0 type STRUCT in foo() is not supported yet.'],
  ['global-function', "arg#0 reference type('UNKNOWN ') size cannot be determined: -22"],
  ['callback', 'callback function not static'],
  ['division-by-zero', 'div by zero'],
  ['invalid-shift', 'invalid shift 64'],
  ['address-leak', 'R0 leaks addr as return value'],
  ['address-leak', 'R2 leaks addr into map'],
  ['dynptr', 'Expected an initialized dynptr as arg #1'],
  ['dynptr', 'cannot overwrite referenced dynptr'],
  ['dynptr', 'arg 1 is an unacquired reference'],
  ['iterator', 'expected an initialized iter_num as arg #0'],
  ['iterator', 'expected uninitialized iter_num as arg #0'],
  ['graph-object', 'rbtree_remove node input must be non-owning ref'],
  ['null-pointer', 'NULL pointer passed to trusted arg0'],
  ['not-a-pointer', "R1 invalid mem access 'map_ptr'"],
  ['read-only-memory', 'the prog does not allow writes to packet data'],
  ['type-mismatch', "pointer in R2 isn't map pointer"],
  ['iterator', 'cannot pass in iter_num at an offset=8'],
  ['map-pointer-access', 'cannot access ptr member ops with moff 0 in struct bpf_map with off 1 size 4'],
  ['missing-btf', 'invalid func info rec size 7'],
  ['arena', 'Only one arena per program'],
  ['exception', 'insn 5 cannot call exception cb directly'],
  ['invalid-instruction', 'unknown opcode ff'],
  ['invalid-instruction', 'BPF_MOV uses reserved fields'],
  ['ld-abs', 'BPF_LD_[ABS|IND] instructions not allowed for this program type'],
  ['format-string', 'Invalid format string'],
  ['sleepable', 'helper call might sleep in a non-sleepable prog'],
  ['missing-btf', 'missing btf func_info'],
  ['jit-required', 'JIT does not support calling kernel function'],
  ['attach-target', 'attach_btf_id 5 is not a function'],
  ['mixed-pointers', 'same insn cannot be used with different pointers'],
  ['probe-memory', 'access beyond struct task_struct at off 20000 size 8'],
  ['kernel-limit', 'verifier internal error: misconfigured ref_obj_id'],
  ['unknown', 'a message that a future kernel may print'],
];

test.each(messages)('%s: %s', (code, text) => {
  const [explained, ...more] = explainLog(`0: (95) exit\n${text}\nprocessed 1 insns (limit 1000000)\n`);
  expect(more).toEqual([]);
  expect(explained?.failure.code).toBe(code);
  expect(explained?.failure.message).toContain(text.split('\n').at(-1));
  // Whole sentences without holes.
  expect(explained?.failure.explanation).toMatch(/^[A-Z`0-9].*\.$/s);
  for (const words of [explained?.failure.explanation, explained?.failure.fix ?? ''])
    expect(words).not.toMatch(/undefined(?! behaviour)|NaN|\[object| {2}|``|\(\)\s/);
});

test('every code is documented with its line, has a message here, and a rule', () => {
  // Another table of the page lists the codes that have a quick fix.
  const [codes = ''] = readFileSync(new URL('../../docs/verifier.md', import.meta.url), 'utf8').split(
    '## In the editor',
  );
  const documented = [...codes.matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)];
  expect(documented.map(([, code, meaning]) => [code, meaning])).toEqual(Object.entries(failureCodes));
  const tested = new Set<string>(messages.map(([code]) => code));
  // These two need a way through the program, which test/kernel/verifierCases.test.ts has.
  for (const code of ['packet-pointer-invalidated', 'used-after-release']) tested.add(code);
  expect(Object.keys(failureCodes).filter((code) => !tested.has(code))).toEqual([]);
  const ruled = new Set<string>(catalogue.map((rule) => rule.code));
  expect(Object.keys(failureCodes).filter((code) => !ruled.has(code))).toEqual(['unknown']);
});

test('patterns come to an end on hostile messages', () => {
  for (const piece of [
    'R1 type=',
    'At program exit the register R0 has ',
    'invalid ',
    ' iter arg ',
    '((((',
    'arg#0 reference type(',
    'a_or_null_',
  ]) {
    const found = explainLog(`0: (95) exit\n${piece.repeat(20_000)}\n`);
    expect(found.length).toBeLessThan(2);
  }
});
