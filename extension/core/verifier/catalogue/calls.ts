import { mapTypeNames } from '../../maps/types.ts';
import { functionName, type Rule, sentence } from './rule.ts';

const inline = 'Mark the function `static __always_inline`, or give it arguments that a global function may have.';

/** Helpers, kernel functions, and functions of the program. */
export const callRules: readonly Rule[] = [
  {
    code: 'unresolved-extern',
    pattern:
      /failed to resolve CO-RE relocation (?<spec>.*)|(?:BPF map|kfunc) '(?<name>[^']*)' is referenced but wasn't (?:created|resolved)|invalid func unknown#(?:195896080|20\d{8})\b|call unknown#195896080/,
    explain: ({ spec, name }) =>
      name !== ''
        ? `\`${name}\` does not exist in this kernel or was not created, and the program uses it on a path that can be reached.`
        : `The running kernel has no such field or type${spec === '' ? '' : `: ${spec}`}, and the program uses it on a path that can be reached.`,
    fix: 'Ask first, so that the other path is left out: `if (bpf_core_field_exists(…))`, `bpf_core_type_exists(…)`, or `if (kfunc)` for a `__weak` one.',
  },
  {
    code: 'helper-not-allowed',
    pattern:
      /program of this type cannot use helper (?<name>\w+)#(?<id>\d+)|unknown func (?<old>[a-z]\w*)#\d+|func (?<tracing>\w+)#\d+ (?:supported only for|not supported for program type)/,
    explain: ({ name, old, tracing }) => `Programs of this type cannot call \`${name || old || tracing}\`.`,
    fix: ({ name, old }) => {
      const helper = name || old || '';
      if (/^bpf_(skb|clone)_/.test(helper))
        return 'Helpers named `bpf_skb_…` are for tc programs, which get a `struct __sk_buff`. XDP has `bpf_xdp_adjust_head`, `bpf_xdp_adjust_tail`, `bpf_xdp_load_bytes`, and direct packet access.';
      return 'The hover of the helper lists the program types that may call it. Check the section name too: it makes the type.';
    },
  },
  {
    code: 'unknown-helper',
    pattern: /(?:invalid|unknown) func (?:unknown#)?(?<id>-?\d+|\w+#-?\d+)/,
    explain: ({ id }) =>
      `The running kernel has no helper with the number ${(id ?? '').replace(/^.*#/, '')}. It may come with a newer kernel.`,
    fix: 'Update the kernel, or do without the helper. A call through a function pointer gives such numbers too.',
  },
  {
    code: 'gpl-only',
    pattern:
      /cannot call (?<kind>GPL-restricted|kernel) function from non-GPL compatible program|Cannot access kernel 'struct \w+' from non-GPL compatible program|must have a GPL compatible license/,
    explain: (_, { helper }) =>
      `${sentence(functionName(helper))} is only for programs with a GPL-compatible licence, and the \`license\` section of this one does not name any.`,
    fix: 'If the licence of your code allows it, say so: `char _license[] SEC("license") = "GPL";` ("Dual BSD/GPL" and "Dual MIT/GPL" count too).',
  },
  {
    code: 'kfunc-not-allowed',
    pattern: /metadata kfuncs (?<what>require device-bound program|can't be offloaded)/,
    explain: () =>
      'The functions that read hardware metadata (`bpf_xdp_metadata_…`) need a program that is bound to one network device when it is loaded.',
    fix: 'Load with the interface index and BPF_F_XDP_DEV_BOUND_ONLY (libbpf: `bpf_program__set_ifindex` and `bpf_program__set_flags`).',
  },
  {
    code: 'kfunc-not-allowed',
    pattern: /calling kernel function (?<name>\S+) is not allowed|calling kernel function is not supported/,
    explain: ({ name }) =>
      `Programs of this type cannot call ${functionName(name || undefined)}, a function of the kernel.`,
    fix: 'Which program types may call it is stated where the kernel registers it (register_btf_kfunc_id_set).',
  },
  {
    code: 'map-type-not-allowed',
    pattern: /cannot pass map_type (?<type>\d+) into func (?<name>\w+)#\d+/,
    explain: ({ type, name }) => `\`${name}\` does not work on a map of type ${mapTypeNames[Number(type)] ?? type}.`,
    fix: ({ name }) =>
      name === 'bpf_redirect_map'
        ? 'It takes devmap, devmap_hash, cpumap and xskmap.'
        : name === 'bpf_tail_call'
          ? 'It takes prog_array.'
          : /ringbuf/.test(name ?? '')
            ? 'It takes ringbuf.'
            : undefined,
  },
  {
    code: 'map-type-not-allowed',
    pattern: /expected prog array map for tail call/,
    explain: () => 'A tail call needs a map of type prog_array, and gets a map of another type.',
    fix: 'Declare the map with `__uint(type, BPF_MAP_TYPE_PROG_ARRAY)`.',
  },
  {
    code: 'map-type-not-allowed',
    pattern:
      /tail_call abusing map_ptr|invalid arg_type for sockmap|cannot update sockmap in this context|callback function not allowed for map|no direct value access support for this map type/,
    explain: (_, { helper }) =>
      `${sentence(functionName(helper))} does not work on a map of this type, or not in this place.`,
  },
  {
    code: 'constant-argument',
    pattern:
      /R(?<reg>\d+) (?:is not a known constant|must be a known constant|is not a const\b|is not a constant address|does not point to a readonly map|is not a scalar)|bpf_dynptr_slice\(_rdwr\) no constant size|arg#\d+ doesn't point to a const string|local type ID argument must be|get_local_storage\(\) doesn't support non-zero flags/,
    explain: ({ reg }, { helper }) =>
      `${reg === '' ? 'An argument' : `Argument ${reg}`} of ${functionName(helper)} must be a constant that is known when the program is loaded.`,
    fix: 'Write the number or string there, or keep it in `static const` global data.',
  },
  {
    code: 'format-string',
    pattern: /Invalid format string|string is not zero-terminated|direct value access on string failed/,
    explain: (_, { helper }) =>
      `The format string of ${functionName(helper)} cannot be read, or holds a conversion that it does not know, or more than it takes.`,
    fix: 'Use %d, %u, %x, %lld, %llu, %llx, %s, %p, and at most the number of arguments that the helper takes.',
  },
  {
    code: 'sleepable',
    pattern: /(?:sleepable|might sleep)/i,
    explain: (_, { helper }) =>
      `${sentence(functionName(helper))} may sleep, and nothing may sleep here: XDP programs never may.`,
  },
  {
    code: 'helper-not-allowed',
    pattern: /helper call is not allowed in probe/,
    explain: (_, { helper }) => `${sentence(functionName(helper))} cannot be called in a program of this kind.`,
  },
  {
    code: 'jit-required',
    pattern: /JIT is required|JIT does(?:n't| not) support|non-JITed program|should be JITed|only JITed/,
    explain: () =>
      'The kernel can do this only when it compiles BPF programs to machine code, and here it interprets them, or its compiler lacks this.',
    fix: 'Switch the compiler on: `sysctl net.core.bpf_jit_enable=1`.',
  },
  {
    code: 'global-function',
    pattern: /Global function (?<name>\w+)\(\) (?<what>doesn't return scalar|with \d+ > 5 args)/,
    explain: ({ name, what }) =>
      what?.startsWith('with') === true
        ? `\`${name}\` takes more than 5 arguments.`
        : `\`${name}\` is a global function (not \`static\`) and returns something that is not a number. The verifier checks global functions on their own, and would know nothing of a pointer that comes back.`,
    fix: inline,
  },
  {
    code: 'global-function',
    pattern:
      /[aA]rg#(?<arg>\d+) (?:type .* in (?<name>\w+)\(\) is not supported|reference type\('(?<type>[^']*)'\) (?:size cannot be determined|points to|candidate))|arg#\d+ (?:has |type tag|arena cannot)|func '\w+' doesn't have|Invalid type of function (?<bad>\w+)\(\)/,
    explain: ({ arg, type, name }) =>
      `Argument ${Number(arg || 0) + 1} of ${name === '' ? 'a global function (one that is not `static`)' : `the global function \`${name}\``} has a type that it cannot have${type === '' ? '' : `: the size of ${(type ?? '').replace(/^FWD /, 'struct ').trim() || '`void`'} is not known`}. Allowed are numbers, the context, and pointers to types of known size.`,
    fix: inline,
  },
  {
    code: 'kfunc-argument',
    pattern:
      /kernel function (?<name>\w+) args#(?<arg>\d+) (?:pointer type (?<type>.*) is not supported|expected pointer to (?<expected>\S+ \S+)(?: but R\d+ has a pointer to (?<actual>\S+ \S+))?)/,
    explain: ({ name, arg, expected, actual }) =>
      `Argument ${Number(arg) + 1} of \`${name}\` ${expected === '' ? 'is of a type that kernel functions cannot take' : `must be a pointer to ${(expected ?? '').toLowerCase()}${actual === '' ? '' : `, and is one to ${(actual ?? '').toLowerCase()}`}`}.`,
  },
  {
    code: 'type-mismatch',
    pattern: /arg#(?<arg>\d+) expect(?:s|ed) pointer to ctx/,
    explain: ({ arg }, { helper }) =>
      `Argument ${Number(arg) + 1} of ${functionName(helper)} must be the context of the program.`,
    fix: 'Pass `ctx`, the argument of the program.',
  },
  {
    code: 'type-mismatch',
    pattern: /pointer in R(?<reg>\d+) isn't map pointer|invalid map_ptr to access map->/,
    explain: (_, { helper }) =>
      `${sentence(functionName(helper))} takes a map, given by its name, and gets something else.`,
    fix: 'Pass the address of a map: `&map`.',
  },
  {
    code: 'callback',
    pattern:
      /callback function (?:not static|cannot be the main program)|arg\d+ expected pointer to func|failed callback verification|callbacks are not allowed/,
    explain: (_, { helper }) =>
      `The callback handed to ${functionName(helper)} must be a \`static\` function of this program with the arguments that it expects.`,
  },
  {
    code: 'tail-call',
    pattern:
      /tail_call is (?:not allowed in subprogs without BTF|only allowed in functions that return 'int')|cannot tail call within exception cb|tail_calls are not allowed in/,
    explain: () =>
      'A tail call is made in a function where it cannot be: the function must return `int`, the object must have type information, and the kernel must compile it.',
    fix: 'Let the function return `int`, compile with `-g`, or make the tail call in the program itself.',
  },
];
