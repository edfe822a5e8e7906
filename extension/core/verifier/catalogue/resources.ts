import { functionName, type Rule, sentence } from './rule.ts';

const giveBack =
  'Give it back on every path, also on the early returns: `bpf_ringbuf_discard`, `bpf_ringbuf_submit`, `bpf_sk_release`, `bpf_iter_…_destroy`, … Test for NULL first; a NULL needs no release (a dynptr does).';

/** What is taken and must be given back; locks, sections, dynptrs, iterators, objects. */
export const resourceRules: readonly Rule[] = [
  {
    code: 'unreleased-reference',
    pattern: /Unreleased reference id=(?<id>\d+) alloc_insn=(?<insn>\d+)|would lead to reference leak/,
    explain: (_, { helper, giver }) =>
      `What ${functionName(giver)} gave is still held ${helper === 'bpf_tail_call' ? 'when the tail call leaves the program' : 'when this path ends'}.`,
    fix: giveBack,
  },
  {
    code: 'unreleased-reference',
    pattern: /BPF_LD_\[ABS\|IND\] cannot be mixed with socket references/,
    explain: () => 'An old packet load may end the program at once, while a socket is still held.',
    fix: 'Give the socket back first, or use direct packet access.',
  },
  {
    code: 'spin-lock',
    pattern: /(?<who>.*?) ?cannot be used inside bpf_spin_lock-ed region|bpf_spin_unlock is missing/,
    explain: () => 'The path ends, or leaves the program, while a `bpf_spin_lock` is still held.',
    fix: 'Call `bpf_spin_unlock` on every path.',
  },
  {
    code: 'spin-lock',
    pattern: /(?:function|global function) calls are not allowed while holding a lock/,
    explain: (_, { helper }) =>
      `${sentence(functionName(helper))} is called while a \`bpf_spin_lock\` is held. Inside a locked section only plain code and \`bpf_spin_unlock\` are allowed.`,
    fix: 'Call the function before `bpf_spin_lock` and keep the result in a variable.',
  },
  {
    code: 'spin-lock',
    pattern:
      /Locking two bpf_spin_locks are not allowed|bpf_spin_unlock (?:without taking a lock|of different lock)|can't spin_\{lock,unlock\} in rbtree cb/,
    explain: () =>
      '`bpf_spin_lock` and `bpf_spin_unlock` do not pair: one lock at a time, and the same one is unlocked.',
  },
  {
    code: 'spin-lock',
    pattern: /bpf_spin_lock|held lock and object are not in the same allocation/,
    explain: () =>
      'A spin lock must be a `struct bpf_spin_lock` that stands as a field in a map value, at most one, in a map with type information, and the program hands over exactly its address.',
    fix: 'Declare `struct bpf_spin_lock lock;` in the value type of the map, and call `bpf_spin_lock(&value->lock)`. Tracing programs cannot use it.',
  },
  {
    code: 'special-field',
    pattern:
      /struct bpf_timer|bpf_timer|timer pointer in R1 map_uid|struct bpf_wq|bpf_wq|workqueue pointer in R1|bpf_task_work/,
    explain: () =>
      'A timer or work queue must stand as a field of its own in a map value, and is set up with the same map that its value came from.',
    fix: 'Call `bpf_timer_init(&value->timer, &map, CLOCK_MONOTONIC)` with the map in which `value` was looked up.',
  },
  {
    code: 'critical-section',
    pattern:
      /bpf_(?<what>rcu_read_lock|preempt_disable|local_irq_save)-ed region|bpf_preempt_enable\S* (?:is|are) missing|bpf_rcu_read_unlock is missing|bpf_local_irq_restore|rcu read (?:un)?lock|unmatched attempt to enable preemption|with preemption disabled|expected an RCU CS|irq[- ]flag|irq restore|acquired out of order|rcu_read_lock region|non-preemptible region/i,
    explain: (_, { helper }) =>
      helper === undefined
        ? 'The path ends while a section (RCU, preemption off, interrupts off) is still open.'
        : `${sentence(functionName(helper))} does not fit the section (RCU, preemption off, interrupts off) that the program is in: the beginning and the end of a section must pair on every path.`,
    fix: 'Close the section on every path, and do inside only what it allows.',
  },
  {
    code: 'dynptr',
    pattern: /dynptr|arg (?<arg>\d+) is an unacquired reference/i,
    explain: (match, { helper }) => {
      const { arg } = match;
      if (arg !== '')
        return `${sentence(functionName(helper))} gives back a dynptr that is not set up here, or was given back before.`;
      return helper === undefined
        ? 'A dynptr on the stack is written or read like an ordinary variable. Only the functions made for it may touch it.'
        : `The dynptr handed to ${functionName(helper)} is not in the state that it needs: one that creates takes a fresh \`struct bpf_dynptr\`, one that uses takes one that was created and not given back, of the right kind.`;
    },
    fix: 'Create it once, use it only through `bpf_dynptr_…`, and give it back once on every path.',
  },
  {
    code: 'iterator',
    pattern:
      /\biter(?:ator)?(?:_\w+)?\b.*(?:arg ?#|stack|as arg)|expected (?:valid|uninitialized|an initialized) iter|cannot pass in \S+ at an offset|css_task_iter is only allowed/,
    explain: (_, { helper }) =>
      `The iterator handed to ${functionName(helper)} is not in the state that it needs: \`…_new\` takes a fresh one, \`…_next\` and \`…_destroy\` one that was made.`,
    fix: 'Call `…_new` once, `…_next` in the loop, `…_destroy` behind it. `bpf_for` and `bpf_for_each` do that.',
  },
  {
    code: 'invalid-release',
    pattern:
      /reference has not been acquired before|must be referenced when passed to release function|release kernel function \S+ expects|must be referenced or trusted|must be referenced$|must be a rcu pointer|allocated object must be referenced/,
    explain: (_, { helper }) =>
      `${sentence(functionName(helper))} takes only a pointer that this program holds: acquired, tested for NULL, not given back yet, and not just read from a structure.`,
    fix: 'Acquire it first, for example with the `…_acquire` function of its kind.',
  },
  {
    code: 'graph-object',
    pattern:
      /rbtree|bpf_(?:list|rb)_|graph root|graph node|owning ref|bpf_obj_(?:new|drop)|bpf_percpu_obj|allocated object|bpf_refcount|must be held for|not found at offset|operation on \S+ expects arg#1/,
    explain: (_, { helper }) =>
      `${sentence(functionName(helper))} breaks a rule of lists, trees or allocated objects: nodes must be held, belong to the right root, and the root's lock must be held.`,
  },
  {
    code: 'arena',
    pattern: /arena|addr_space_cast/i,
    explain: () =>
      'An arena is used in a way that it does not allow: one per program, with CAP_BPF and CAP_PERFMON, and its pointers must be cast between address spaces.',
  },
  {
    code: 'exception',
    pattern: /bpf_throw|exception (?:cb|callback)/,
    explain: () =>
      '`bpf_throw` is used where it cannot be, or its callback does not fit: global linkage, one number as argument.',
  },
];
