import { functionName, type Rule, sentence } from './rule.ts';

/** Jumps, loops, limits, instructions, and what is wrong with the object or the kernel. */
export const controlRules: readonly Rule[] = [
  {
    code: 'infinite-loop',
    pattern: /infinite loop detected at insn (?<insn>\d+)/,
    explain: () => 'The verifier came back to the same place and nothing had changed that could ever end the loop.',
    fix: 'Count up to a constant limit: `for (int i = 0; i < 32; i++)`. For long loops use `bpf_loop`, or `bpf_for` on kernels from 6.4.',
  },
  {
    code: 'back-edge',
    pattern: /back-edge from insn (?<from>\d+) to (?<to>\d+)/,
    explain: () =>
      'The program jumps back: a loop. Kernels before 5.3, users without CAP_BPF, and some places inside a program do not allow any.',
    fix: 'Let the compiler unroll the loop (`#pragma unroll` and a constant count), or load with CAP_BPF.',
  },
  {
    code: 'too-complex',
    pattern:
      /BPF program is too large\. Processed (?<count>\d+) insn|The sequence of (?<jumps>\d+) jumps is too complex|bpf_loop iteration limit reached/,
    explain: ({ count, jumps }) =>
      jumps !== ''
        ? `More than ${jumps} branches are open at once: every \`if\` doubles the paths that must be walked.`
        : `The verifier walked ${count} instructions and gave up. It walks every path through the program, so loops and branches multiply.`,
    fix: 'Make loops shorter, or use `bpf_loop`, where the body is walked once. Move parts into global functions (not `static`), which are checked once, or into tail calls.',
  },
  {
    code: 'too-large',
    pattern:
      /too many (?:subprograms|different module BTFs|different kernel function calls)|The total number of maps per program has reached|Function \S+ has \d+ > \d+ args|insn \d+ cannot be patched due to 16-bit range|max struct nesting depth exceeded/,
    explain: () =>
      'The program goes beyond a fixed limit: number of functions, maps or kernel functions, or the length of a jump.',
  },
  {
    code: 'unreachable-code',
    pattern: /unreachable insn (?<insn>\d+)/,
    explain: () =>
      'No path leads to this instruction. Compilers drop such code by themselves, so it comes from inline assembly, or from a function that ends without returning (`__builtin_unreachable`, or a loop without an end).',
    fix: 'Remove the code, or give the loop a way out.',
  },
  {
    code: 'jump-out-of-range',
    pattern:
      /jump out of range from insn (?<from>\d+) to (?<to>\d+)|jump into the middle of ldimm64 insn|call to invalid destination|jump table for insn|invalid insn idx \d+ insn_cnt/,
    explain: () => 'A jump leads out of its function or into the middle of an instruction.',
    fix: 'Check the inline assembly. A missing definition of a function gives such jumps too.',
  },
  {
    code: 'missing-exit',
    pattern: /last insn is not an exit or jmp/,
    explain: () =>
      'The code of a function ends without a return. The compiler leaves the return out where it thinks that the end is never reached: undefined behaviour such as `__builtin_unreachable`, a division by zero, or a missing `return`.',
    fix: 'End the function with `return XDP_PASS;`, and look at the warnings of the compiler.',
  },
  {
    code: 'ld-abs',
    pattern: /BPF_LD_\[ABS\|IND\]|BPF_LD_ABS\|IND|LD_ABS is (?:not|only) allowed|invalid BPF_LD mode/,
    explain: () =>
      'The old packet loads (BPF_LD_ABS, BPF_LD_IND) work in socket filters and tc programs only, with the packet in r6 and no lock held.',
    fix: 'Use direct packet access through `ctx->data` and `ctx->data_end`.',
  },
  {
    code: 'unresolved-extern',
    pattern:
      /(?:^extern .*(?:not found|not resolved|incompatible)|cannot find address for kernel function|failed to find (?:BTF for kernel function|the address for kernel symbol)|ldimm64 (?:insn specifies|failed|unable)|pseudo btf_id|The address of function \S+ cannot be found|kernel btf_id \d+ is not a function|without fd_array|disallowed for kernel module function call)/,
    explain: () => 'The program refers to a kernel function or variable that the running kernel does not offer.',
    fix: 'Mark it `__weak` and test it before it is used, or use a kernel that has it.',
  },
  {
    code: 'attach-target',
    pattern:
      /attach_btf_id|attach to (?:invalid|unsupported)|Cannot (?:replace|recursively|extend|nest)|Can attach to only|attachable to another BPF prog|Subprog \S+ doesn't exist|is not (?:modifiable|sleepable)|Tracing programs must provide btf_id|can't modify return|points to disabled hook|Attach(?:ing)? |Extension program|FENTRY\/FEXIT program|struct_ops module|tracepoint template|bound device mismatch|device mismatch/,
    explain: () =>
      'The program cannot be attached to what it names: it does not exist, cannot be traced or replaced, or its arguments differ.',
  },
  {
    code: 'missing-btf',
    pattern:
      /missing btf func_info|func_info|func info|line_info|core_relo|kernel is missing BTF|module BTF|BTF of func|need valid BTF|requires? (?:prog )?BTF|has to have BTF|in-kernel BTF is malformed|btf_vmlinux is malformed|CONFIG_DEBUG_INFO_BTF|invalid btf|has no valid|doesn't have 'struct|is not a struct type or|has more than one 'struct|unable to resolve the size of type|vmlinux BTF|type id \d+/,
    explain: () => 'Type information (BTF) that the kernel needs is missing, broken, or does not fit the program.',
    fix: 'Compile with `-g`, do not strip the `.BTF` sections, and declare maps with `__type(key, …)` and `__type(value, …)`.',
  },
  {
    code: 'invalid-instruction',
    pattern:
      /unknown (?:opcode|insn class)|uses reserved fields|invalid BPF_\w+(?:\/\w+)? (?:opcode|insn|mode)|invalid bpf_ld_imm64|unrecognized bpf_ld_imm64|invalid may_goto|direct value offset of|BPF_(?:ALU|JMP|MOV|NEG|END|STX?|LDX|CALL|JA|EXIT|LD_IMM64)\b.*/,
    explain: () =>
      'The running kernel does not know this instruction, or wants its unused fields to be zero. A newer instruction set than the kernel has gives this, or hand-written bytes.',
    fix: 'Compile for an older instruction set: `-mcpu=v2` or `-mcpu=v3`.',
  },
  {
    code: 'map-type-not-allowed',
    pattern:
      /programs can only use array, hash|progs cannot use|map cannot be used in prog|fd \S+ is not pointing to valid bpf_map|Only one arena|only one cgroup storage/,
    explain: () => 'A map of this type, or with such a field, cannot be used in a program of this type.',
  },
  {
    code: 'kernel-limit',
    pattern:
      /verifier (?:bug|internal error)|kernel subsystem misconfigured|(?:insn state|visit_insn|pop stack) internal bug|verifier is misconfigured|^BUG |Verifier bug|misconfigured|tail call poke descriptor|tracking tail call prog|PTR_POISON|(?:invalid|unknown) return type \d+ of func|Please fix kernel/i,
    explain: () => 'The verifier found a fault of its own. That is a bug of the kernel, not of the program.',
    fix: 'Try a newer kernel. If it stays, report it to bpf@vger.kernel.org with this log.',
  },
  {
    code: 'global-function',
    pattern: /Caller passes invalid args into func#(?<func>\d+)(?: \('(?<name>\w+)'\))?/,
    explain: ({ name }) =>
      `The arguments of this call do not fit ${name === '' ? 'the global function' : `the global function \`${name}\``}: it is checked on its own, by the types of its arguments only.`,
    fix: 'Pass what the types say: the context itself, or a pointer to memory of at least the size of the type.',
  },
  {
    code: 'kfunc-argument',
    pattern: /arg#?(?<arg>\d+) |R\d+ (?:rdonly|must)|Unrecognized arg#|unsupported reg type|kfunc |kernel function/i,
    explain: (_, { helper }) => `An argument of ${functionName(helper)} is not what the function takes.`,
  },
];

/** For messages that no rule knows. */
export function unknownExplanation(subject: string): string {
  return `${sentence(subject)} is where the verifier stopped. Its message is not in the catalogue yet; the log tells more.`;
}
