import { functionName, type Rule, sentence, typeWords } from './rule.ts';

const mask =
  'Limit it right before it is used, and as an unsigned number: `index &= SIZE - 1;` (SIZE a power of two) or `if (index >= SIZE) return XDP_PASS;`. If the compiler moves or merges the test, mask the value instead.';
const unsigned =
  'Make the variable unsigned (`__u32`), or test both ends: `if (value < 0 || value >= SIZE) return XDP_PASS;`.';

/** Offsets, indices and sizes, and calculating with pointers. */
export const offsetRules: readonly Rule[] = [
  {
    code: 'negative-size',
    pattern: /R(?<reg>\d+) min value is negative, either use unsigned or 'var &= const'/,
    explain: ({ reg }, { helper }) =>
      `The size handed to ${functionName(helper)} (argument ${reg}) may be negative. Taken as unsigned, a negative size is a huge one. An upper limit alone is not enough for a signed variable.`,
    fix: unsigned,
  },
  {
    code: 'unbounded-size',
    pattern: /R(?<reg>\d+) unbounded memory access, use 'var &= const' or 'if \(var < const\)'/,
    explain: ({ reg }, { helper }) =>
      `The size handed to ${functionName(helper)} (argument ${reg}) has no proven upper limit.`,
    fix: mask,
  },
  {
    code: 'unbounded-size',
    pattern: /R(?<reg>\d+) invalid zero-sized read: u64=\[0,(?<max>4294967295|18446744073709551615|-1)\]/,
    explain: ({ reg }, { helper }) =>
      `The size handed to ${functionName(helper)} (argument ${reg}) can be anything from 0 up. It needs an upper limit, and at least 1.`,
    fix: 'Test both ends right before the call: `if (size == 0 || size > sizeof(buffer)) return XDP_PASS;`.',
  },
  {
    code: 'zero-size',
    pattern: /R(?<reg>\d+) invalid zero-sized read: u64=\[(?<min>\d+),(?<max>\d+)\]/,
    explain: ({ reg, max }, { helper }) =>
      `The size handed to ${functionName(helper)} (argument ${reg}) may be 0 here${max === '0' ? '' : ` (it is 0 to ${max})`}, and the function needs at least 1.`,
    fix: 'Test it right before the call: `if (size == 0) return XDP_PASS;`.',
  },
  {
    code: 'zero-size',
    pattern: /invalid zero-sized read/,
    explain: (_, { helper }) =>
      `${sentence(functionName(helper))} would read 0 bytes here, for example because the map has no keys or no values.`,
  },
  {
    code: 'negative-offset',
    pattern: /R\d+ min value is negative, either use unsigned index or do a if \(index >=0\) check/,
    explain: (_, { subject }) =>
      `The offset or index in ${subject} may be negative. An upper limit alone is not enough: the variable is signed, or was signed when it was tested.`,
    fix: unsigned,
  },
  {
    code: 'unbounded-offset',
    pattern: /R\d+ unbounded memory access, make sure to bounds check any such access/,
    explain: (_, { subject }) =>
      `The offset or index in ${subject} has no proven upper limit, so the access could go anywhere. The verifier remembers only tests that stand on the way here and are about this very value.`,
    fix: mask,
  },
  {
    code: 'unbounded-offset',
    pattern: /math between (?<type>\w+) pointer and register with unbounded min value is not allowed/,
    explain: ({ type }, { subject }) =>
      `${sentence(subject)} adds a number to ${typeWords(type ?? '')} that could be hugely negative: nothing limits it from below.`,
    fix: unsigned,
  },
  {
    code: 'unbounded-offset',
    pattern: /value -(?:2147483648|9223372036854775808) makes (?<type>\w+) pointer be out of bounds/,
    explain: ({ type }, { subject }) =>
      `${sentence(subject)} adds a signed number to ${typeWords(type ?? '')}, and nothing limits it from below: it could be as small as -2147483648.`,
    fix: unsigned,
  },
  {
    code: 'pointer-out-of-range',
    pattern:
      /math between (?<type>\w+) pointer and (?<value>-?\d+) is not allowed|value (?<far>-?\d+) makes (?<other>\w+) pointer be out of bounds|(?<third>\w+) pointer offset (?<offset>-?\d+) is not allowed/,
    explain: ({ type, other, third, value, far, offset }, { subject }) =>
      `${sentence(subject)} moves ${typeWords(`${type}${other}${third}`)} by ${value}${far}${offset} bytes. The verifier follows pointers only within 512 MiB of where they started.`,
    fix: 'A mask or a negative number in an unsigned type gives such a value: calculate the offset as a number, limit it, and then add it.',
  },
  {
    code: 'map-value-bounds',
    pattern: /R\d+ (?:min|max) value is outside of the allowed memory range/,
    explain: (_, { subject }) => `${sentence(subject)} can reach outside of the memory that the pointer belongs to.`,
    fix: mask,
  },
  {
    code: 'modified-context',
    pattern: /variable ctx access var_off=.* disallowed/,
    explain: (_, { subject }) =>
      `${sentence(subject)} reads the context at an offset that is known only when the program runs. Fields of the context are rewritten when the program is loaded, so the offset must be fixed.`,
    fix: 'Name the fields of `ctx` in a `switch` or `if`, each with its own read.',
  },
  {
    code: 'unbounded-offset',
    pattern:
      /variable (?<type>\w+) access var_off=(?<off>.*) disallowed|R\d+ is ptr_\S* invalid variable offset|R\d+ invalid variable buffer offset|(?:kptr|graph\w*) access cannot have variable offset|R\d+ doesn't have constant offset|has to be at (?:the|a) constant offset/,
    explain: (_, { subject }) =>
      `${sentence(subject)} is at an offset that is known only when the program runs. Here it must be a constant.`,
    fix: 'Use a fixed field or element here.',
  },
  {
    code: 'modified-context',
    pattern: /(?:dereference of modified|negative offset) ctx ptr R\d+ off=(?<off>-?\d+) disallowed/,
    explain: ({ off }, { subject, helper }) =>
      helper === undefined
        ? `${sentence(subject)} reads the context through a pointer that was moved by ${off} bytes. Fields of the context must be read straight from \`ctx\`.`
        : `${sentence(functionName(helper))} is handed a context pointer that was moved by ${off} bytes. It needs \`ctx\` as it is.`,
    fix: 'Use `ctx->field` on the unchanged argument. If the compiler calculated `&ctx->field` by itself, copy the field into a local variable first.',
  },
  {
    code: 'invalid-release',
    pattern: /R\d+ must have zero offset when passed to release func/,
    explain: (_, { helper }) =>
      `${sentence(functionName(helper))} needs the pointer as it was given, and it points further inside.`,
    fix: 'Keep the first pointer in a variable of its own, and hand that one back.',
  },
  {
    code: 'type-mismatch',
    pattern: /(?:dereference of modified|negative offset) (?<type>\w+) ptr R\d+ off=(?<off>-?\d+) disallowed/,
    explain: ({ type, off }, { helper }) =>
      `${sentence(typeWords(type ?? ''))} was moved by ${off} bytes, and ${helper === undefined ? 'it can only be used as it was given' : `${functionName(helper)} takes it only as it was given`}.`,
  },
  {
    code: 'pointer-arithmetic',
    pattern: /R\d+ pointer arithmetic on (?<type>\w+) prohibited/,
    explain: ({ type }, { subject }) =>
      `${sentence(subject)} calculates with ${typeWords(type ?? '')}. ${type === 'pkt_end' ? '`data_end` can only be compared with.' : 'Pointers of that kind cannot be moved.'}`,
    fix: ({ type }) =>
      type === 'pkt_end'
        ? 'Move the other side: write `if (data + size > data_end)` and not `if (data > data_end - size)`. The compiler can do the same by itself: an empty `asm volatile("" : "+r"(data))` before the test stops it.'
        : undefined,
  },
  {
    code: 'missing-capability',
    pattern: /R\d+ pointer -= pointer prohibited/,
    explain: (_, { subject }) =>
      `${sentence(subject)} subtracts one pointer from another. The result tells something about kernel addresses, so it is allowed with CAP_PERFMON only.`,
    fix: 'Load the program with CAP_PERFMON, or as root.',
  },
  {
    code: 'pointer-arithmetic',
    pattern: /R\d+ pointer \S+ pointer prohibited/,
    explain: (_, { subject }) => `${sentence(subject)} adds or combines two pointers, which gives no pointer.`,
    fix: 'Add a number to one pointer.',
  },
  {
    code: 'pointer-arithmetic',
    pattern:
      /R\d+ (?:(?:bitwise operator|pointer arithmetic with) (?<op>\S+)(?: operator)?(?: on pointer)? prohibited|tried to subtract pointer from scalar|subtraction from stack pointer prohibited|32-bit pointer arithmetic prohibited|pointer arithmetic prohibited|has pointer with unsupported alu operation)/,
    explain: (_, { subject }) =>
      `${sentence(subject)} calculates with a pointer in a way that does not give a pointer. Only adding a number, and subtracting one, in 64 bits, keep a pointer a pointer.`,
    fix: 'Keep offsets as numbers, and add them to the pointer at the end. To align or mask, do it with the offset.',
  },
  {
    code: 'pointer-arithmetic',
    pattern: /R\d+ (?:partial copy of pointer|sign-extension part of pointer)/,
    explain: (_, { subject }) =>
      `${sentence(subject)} keeps only a part of a pointer, for example because it is cast to \`int\` or \`__u32\`.`,
    fix: 'Keep pointers in `void *` or `__u64`. `(void *)(long)ctx->data` is the cast for the context.',
  },
  {
    code: 'missing-capability',
    pattern:
      /stack pointer arithmetic goes out of range, prohibited for !root|prohibited for !root|R\d+ (?:tried to \w+ (?:from different maps, paths or scalars|beyond pointer bounds)|has unknown scalar with mixed signed bounds|could not be pushed for speculative verification)/,
    explain: (_, { subject }) =>
      `${sentence(subject)} is refused because the user who loads it lacks CAP_PERFMON: without it the kernel allows only pointer arithmetic that cannot be misused by speculative execution.`,
    fix: 'Load the program with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, or as root.',
  },
  {
    code: 'pointer-comparison',
    pattern: /R\d+ pointer comparison prohibited/,
    explain: (_, { subject }) =>
      `${sentence(subject)} compares a pointer with something that it cannot be compared with.`,
    fix: 'Compare packet pointers with `data_end`, other pointers with NULL. Other comparisons need CAP_PERFMON.',
  },
  {
    code: 'mixed-pointers',
    pattern: /same insn cannot be used with different pointers/,
    explain: (_, { subject }) =>
      `${sentence(subject)} meets a pointer of one kind on one path and of another kind on another path (for example the context here and a map value there). The compiler merged two branches into one.`,
    fix: 'Keep the two accesses apart: an empty `asm volatile("")` in one branch stops the compiler from merging them.',
  },
  {
    code: 'division-by-zero',
    pattern: /div by zero/,
    explain: (_, { subject }) => `${sentence(subject)} divides by the constant 0.`,
  },
  {
    code: 'invalid-shift',
    pattern: /invalid shift (?<count>-?\d+)/,
    explain: ({ count }, { subject }) =>
      `${sentence(subject)} shifts by ${count} bits, which is more than the value has.`,
  },
];
