import { bytes, functionName, type Rule, sentence, typeList, typeWords } from './rule.ts';

const initialise =
  'Give the variable a value where it is declared: `= 0`, or `= {}` for a structure (which leaves no padding unset if `__builtin_memset` is used).';

/** Registers, the stack, the context, and what leaves the program. */
export const valueRules: readonly Rule[] = [
  {
    code: 'missing-return-value',
    pattern: /R0 !read_ok/,
    when: ({ helper }) => helper === undefined,
    explain: () => 'A path through the function ends without a `return` of a value.',
    fix: 'End every path with a value: `return XDP_PASS;`.',
  },
  {
    code: 'uninitialised-register',
    pattern: /R(?<reg>\d+) !read_ok/,
    explain: ({ reg }, { subject, helper }) =>
      helper === undefined
        ? `${sentence(subject)} uses a value that has not been set on this path${Number(reg) >= 1 && Number(reg) <= 5 ? ' (a call sets its argument registers r1 to r5 back to nothing)' : ''}.`
        : `Argument ${reg} of ${functionName(helper)} has no value on this path.`,
    fix: 'Give the variable a value on every path, best where it is declared. Pass all arguments that the function takes.',
  },
  {
    code: 'uninitialised-register',
    pattern: /R\d+ is invalid/,
    explain: () => 'An instruction names a register that does not exist.',
  },
  {
    code: 'stack-bounds',
    pattern:
      /invalid (?:indirect )?(?:read from|write to|access to) stack R(?<reg>\d+) off=(?<off>-?\d+) size=(?<size>-?\d+)|invalid stack type R(?<oldreg>\d+) off=(?<oldoff>-?\d+) access_size=(?<oldsize>-?\d+)|invalid stack off=(?<rawoff>-?\d+) size=(?<rawsize>-?\d+)/,
    explain: ({ off, size, oldoff, oldsize, rawoff, rawsize }, { subject, helper }) => {
      const offset = Number(off || oldoff || rawoff);
      const length = Number(size || oldsize || rawsize);
      const where =
        offset < -512
          ? 'below the 512 bytes of stack that a program has'
          : offset >= 0
            ? 'above the stack of the function'
            : `beyond the variable: it starts ${bytes(-offset)} below the end of the stack, and ${bytes(length)} are used`;
      return helper === undefined
        ? `${sentence(subject)} reaches ${where}.`
        : `${sentence(functionName(helper))} uses ${bytes(length)} of a local variable, which goes ${where}. Check the size: the helper takes it from its argument, or from the key or value size of the map.`;
    },
    fix: 'Make the variable as large as the function needs (for maps: the type of the key or value), and pass `sizeof(variable)`.',
  },
  {
    code: 'unbounded-offset',
    pattern: /invalid unbounded variable-offset.* stack R\d+/,
    explain: (_, { subject }) => `The index into a local variable in ${subject} has no proven upper limit.`,
    fix: 'Limit it right before it is used: `index &= SIZE - 1;` or `if (index >= SIZE) return XDP_PASS;`.',
  },
  {
    code: 'stack-bounds',
    pattern: /invalid variable-offset.* stack R\d+ var_off=/,
    explain: (_, { subject }) =>
      `The index into a local variable in ${subject} has a limit, but one that is larger than the variable.`,
    fix: 'Limit the index to the number of elements: `if (index >= SIZE) return XDP_PASS;`.',
  },
  {
    code: 'uninitialised-stack',
    pattern:
      /invalid (?<indirect>indirect )?read from stack (?:R\d+ )?(?:off|var_off) (?<off>\S+?)\+(?<at>\d+) size (?<size>\d+)/,
    explain: ({ off, at, size, indirect }, { subject, helper }) =>
      helper !== undefined || indirect !== ''
        ? `${sentence(functionName(helper))} reads ${bytes(size ?? '')} of a local variable, and byte ${at} of them was never written. Often this is padding between two fields of a structure.`
        : `${sentence(subject)} reads ${bytes(size ?? '')} of the stack at ${off}, and byte ${at} of them was never written.`,
    fix: initialise,
  },
  {
    code: 'missing-capability',
    pattern: /variable offset stack access prohibited for !root|variable stack access prohibited for !root/,
    explain: (_, { subject }) =>
      `${sentence(subject)} uses a local variable at a variable index, which is allowed with CAP_PERFMON only.`,
    fix: 'Load the program with CAP_PERFMON, or as root.',
  },
  {
    code: 'stack-pointer-spill',
    pattern:
      /attempt to corrupt spilled pointer on stack|invalid size of register (?:spill|fill)|cannot spill pointers to stack into stack frame of the caller|leaking pointer from stack off/,
    explain: (_, { subject }) =>
      `${sentence(subject)} reads or overwrites a part of a pointer that is saved on the stack. Such a pointer can only be read and written as a whole.`,
    fix: 'Keep pointers in variables of their own, not in structures that are copied in pieces.',
  },
  {
    code: 'stack-limit',
    pattern:
      /combined stack size of (?<calls>\d+) calls is (?<size>\d+)\. Too large|stack size of subprog \d+ is (?<own>\d+)\. Too large|stack size (?<total>\d+)\(extra \d+\) is too large/,
    explain: ({ calls, size, own, total }) =>
      calls === ''
        ? `A function needs ${own || total} bytes of stack, and there are 512.`
        : `${calls} functions that call each other need ${size} bytes of stack together, and there are 512 (each function is rounded up to 32).`,
    fix: 'Move large variables into a per-CPU array map with one element, or share one buffer between the functions.',
  },
  {
    code: 'tail-call',
    pattern: /tail_calls are not allowed when call stack of previous frames is (?<size>\d+) bytes/,
    explain: ({ size }) =>
      `Before this tail call the calling functions already use ${size} bytes of stack. With tail calls inside functions at most 256 are allowed.`,
    fix: 'Make the tail call in the program itself, or use less stack in the functions that lead to it.',
  },
  {
    code: 'call-depth',
    pattern: /the call stack of (?<frames>\d+) frames is too deep/,
    explain: ({ frames }) =>
      `The functions call each other ${frames} deep. At most 8 are allowed, so a function cannot call itself either.`,
    fix: 'Write recursion as a loop with a fixed limit, or mark small functions `static __always_inline`.',
  },
  {
    code: 'frame-pointer',
    pattern: /frame pointer is read only/,
    explain: () => 'The register r10 points to the stack and cannot be changed.',
  },
  {
    code: 'context-access',
    pattern: /invalid bpf_context access off=(?<off>-?\d+) size=(?<size>\d+)/,
    explain: ({ off, size }, { subject }) => {
      const pointer = Number(off) >= 0 && Number(off) < 12 && size !== '4';
      return `${sentence(subject)} uses ${bytes(size ?? '')} at offset ${off} of the context, which programs of this type cannot do${pointer ? ': `data`, `data_end` and `data_meta` are read as whole 32-bit fields' : ': no such field is there, or it cannot be written, or not in this width'}.`;
    },
    fix: 'Read fields of `struct xdp_md` by name, as a whole, and write none of them. To move the start or the end of the packet call `bpf_xdp_adjust_head` or `bpf_xdp_adjust_tail`.',
  },
  {
    code: 'context-access',
    pattern: /R\d+ invalid \w+ access off=-?\d+ size=\d+/,
    explain: (_, { subject }) =>
      `${sentence(subject)} uses a field of a socket that does not exist, or not in this width, or cannot be written.`,
  },
  {
    code: 'atomic-operation',
    pattern:
      /BPF_ATOMIC stores into R\d+ (?<type>\w+) is not allowed|BPF_ATOMIC uses invalid atomic opcode|invalid atomic operand size|BPF_ST stores into R\d+ \w+ is not allowed/,
    explain: ({ type }, { subject }) =>
      type === '' || type === undefined
        ? `${sentence(subject)} is an atomic operation that BPF does not have. There are add, and, or, xor, exchange and compare-exchange, on 4 or 8 bytes.`
        : `${sentence(subject)} is an atomic operation on ${typeWords(type)}. Atomic operations work on map values, ring buffer records and the stack.`,
    fix: 'Use a plain read and write here, or keep the number in a map.',
  },
  {
    code: 'address-leak',
    pattern:
      /R(?<reg>\d+) leaks addr (?<where>into map|into mem|into ctx|into packet|into helper function|as return value|into flow keys)|R0 leaks addr as return value|leaking pointer/,
    explain: ({ where }, { subject }) =>
      `${sentence(subject)} would make a kernel address visible (${where || 'as a value'}), which is allowed with CAP_PERFMON only.`,
    fix: 'Store or return numbers, not pointers: often a `&` too many, or a field that was meant to be read.',
  },
  {
    code: 'missing-capability',
    pattern:
      /access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN|are allowed for CAP_BPF and CAP_SYS_ADMIN|CAP_BPF and CAP_PERFMON are required|require CAP_SYS_BOOT capabilit|function calls to other bpf functions are allowed for/,
    explain: (_, { subject }) =>
      `${sentence(subject)} needs a capability that the user who loads the program does not have.`,
    fix: 'Load the program with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, or as root.',
  },
  {
    code: 'return-value',
    pattern:
      /(?<when>At \w+ (?:exit|return)|In async callback) the register R\d+ has (?:(?:smin=(?<min>-?\d+))? ?(?:smax=(?<max>-?\d+))?|unknown scalar value|value \S+(?: \S+?\))?)\s+should have been in (?<range>.+)$/,
    explain: ({ when, min, max, range }) => {
      const what = /callback/.test(when ?? '') ? 'The callback' : 'The program';
      const value =
        min !== '' && min === max
          ? `the value ${min}`
          : min === '' && max === ''
            ? 'a value of which nothing is known'
            : `a value from ${min || 'the smallest number'} to ${max || 'the largest'}`;
      return `${what} returns ${value}, and only ${range} is allowed for its type.`;
    },
    fix: 'Return one of the values that its type knows: XDP_ABORTED to XDP_REDIRECT (0 to 4) for XDP, 0 or 1 for callbacks of loops.',
  },
  {
    code: 'return-value',
    pattern:
      /(?:the register R\d+ is not a (?:known|scalar) value|R0 not a scalar value|cannot return stack pointer to the caller)/,
    explain: () => 'The function returns a pointer, or nothing known, where a number is needed.',
    fix: 'Return a number. To hand data back, take a pointer to a variable of the caller as an argument.',
  },
  {
    code: 'type-mismatch',
    pattern: /R(?<reg>\d+) type=(?<actual>\S+) expected=(?<expected>.*)$/,
    explain: ({ reg, actual, expected }, { helper, lost }) => {
      const told = `Argument ${reg} of ${functionName(helper)} is ${typeWords(actual ?? '')}, and the function takes ${typeList(expected ?? '')}.`;
      if (lost?.kind === 'reference') return `${told} It was given back by ${functionName(lost.by)} before.`;
      if (lost?.kind === 'packet')
        return `${told} It was a packet pointer until ${functionName(lost.by)} was called, which may move the packet.`;
      return told;
    },
    fix: ({ actual, expected }) =>
      /_or_null/.test(actual ?? '')
        ? 'Test the pointer first: `if (!pointer) return XDP_PASS;`.'
        : expected === 'ctx'
          ? 'Pass `ctx`, the argument of the program.'
          : expected === 'map_ptr'
            ? 'Pass the address of a map: `&map`.'
            : /\bfp\b/.test(expected ?? '')
              ? 'Pass the address of a local variable that holds the value.'
              : expected === 'map_value'
                ? 'Pass a pointer into a map value or into global data (`static const char text[] = "…";`).'
                : undefined,
  },
  {
    code: 'type-mismatch',
    pattern: /R\d+ is of type (?<actual>\w+) but (?<expected>\w+) is expected/,
    explain: ({ actual, expected }, { helper }) =>
      `${sentence(functionName(helper))} takes a pointer to the kernel's \`struct ${expected}\`, and gets one to \`struct ${actual}\`.`,
  },
];
