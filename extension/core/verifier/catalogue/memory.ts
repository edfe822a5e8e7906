import { bytes, functionName, type Rule, sentence, typeWords } from './rule.ts';

const checkPacket =
  'Compare first, and leave on failure: `if ((void *)(header + 1) > data_end) return XDP_PASS;` (use your own action for short packets).';
const reread = 'Read `ctx->data` and `ctx->data_end` again behind the call, and make the comparisons again.';
const nullTest = 'Test it right behind the call that gave it: `if (!pointer) return XDP_PASS;`.';

/** Memory that a program touches directly: the packet, map values, records, NULL. */
export const memoryRules: readonly Rule[] = [
  {
    code: 'packet-bounds',
    pattern:
      /invalid access to packet, off=(?<off>-?\d+) size=(?<size>-?\d+), R\d+\(id=(?<id>\d+),off=-?\d+,r=(?<range>\d+)\)/,
    explain: ({ off, size, id, range }, { subject, helper }) => {
      const first = Number(off);
      const end = first + Number(size);
      const who = helper === undefined ? subject : `the memory handed to ${functionName(helper)}`;
      if (first < 0) return `${sentence(who)} starts ${bytes(-first)} before the packet begins.`;
      if (id !== '0')
        return `${sentence(who)} lies at an offset that is known only when the program runs, and no comparison with \`data_end\` was made for exactly this pointer. An earlier comparison of another pointer proves nothing about this one.`;
      const needs = `${sentence(who)} needs the first ${bytes(end)} behind its pointer's start`;
      return range === '0'
        ? `${needs}, and on this path nothing is proven to be there: no comparison with \`data_end\` holds here. A packet can be shorter than the headers you expect.`
        : `${needs}, and only ${bytes(range ?? '')} are proven to be there. The comparison with \`data_end\` does not reach far enough.`;
    },
    fix: ({ id }) =>
      id === '0'
        ? checkPacket
        : 'Limit the offset (`offset &= 63` or `if (offset > 60) return XDP_PASS;`), add it, and then compare this very pointer with `data_end` before it is used.',
  },
  {
    code: 'packet-bounds',
    pattern: /R\d+ offset is outside of the packet/,
    explain: (_, { subject }) =>
      `${sentence(subject)} reaches beyond the bytes of the packet that are proven to be there.`,
    fix: checkPacket,
  },
  {
    code: 'packet-bounds',
    pattern: /R\d+ invalid mem access 'pkt_end'/,
    explain: (_, { subject }) =>
      `${sentence(subject)} goes through \`data_end\`. That is the first byte behind the packet: it can only be compared with.`,
    fix: 'Go from `data`, and compare with `data_end` before the access.',
  },
  {
    code: 'type-mismatch',
    pattern: /helper access to the packet is not allowed/,
    explain: (_, { helper }) => `${sentence(functionName(helper))} cannot take a pointer into the packet.`,
    fix: 'Copy the bytes into a local variable first, after a comparison with `data_end`. To send packet data with `bpf_perf_event_output`, put the length into the upper 32 bits of the flags.',
  },
  {
    code: 'read-only-memory',
    pattern: /cannot write into packet|the prog does not allow writes to packet data/,
    explain: () => 'Programs of this type may read the packet, but not change it.',
  },
  {
    code: 'null-pointer',
    pattern:
      /R\d+ (?:invalid mem access '(?<access>\w*_or_null_?\w*)'|pointer arithmetic on (?<arithmetic>\w*_or_null_?\w*) prohibited)/,
    explain: ({ access, arithmetic }, { subject, giver }) => {
      const source = giver === undefined ? `The pointer` : `What \`${giver}\` returned`;
      const what = typeWords(`${access}${arithmetic}`);
      if (access === 'mem_or_null' && giver === undefined)
        return `${sentence(subject)} uses a pointer argument of a global function. The verifier checks a global function on its own, for every caller, so the pointer may be NULL here.`;
      return `${source} is ${what}: no test on this path has ruled NULL out, and ${arithmetic === '' ? `${subject} would then read or write address 0` : 'calculating with NULL would give a wild pointer'}.`;
    },
    fix: nullTest,
  },
  {
    code: 'null-pointer',
    pattern:
      /(?:Possibly )?NULL pointer passed to (?:helper arg(?<helperArg>\d+)|trusted arg(?<trusted>\d+))|arg#(?<kfunc>\d+) is expected to be non-NULL/,
    explain: ({ helperArg, trusted, kfunc }, { helper }) =>
      `Argument ${helperArg || Number(trusted || kfunc) + 1} of ${functionName(helper)} may be NULL here, and the function does not take NULL.`,
    fix: nullTest,
  },
  {
    code: 'null-pointer',
    pattern: /R(?<reg>\d+) type=(?<type>\w*_or_null_?\w*) expected=/,
    explain: ({ reg, type }, { helper, giver }) =>
      `Argument ${reg} of ${functionName(helper)} is ${typeWords(type ?? '')}${giver === undefined ? '' : ` (from \`${giver}\`)`}: no test on this path has ruled NULL out.`,
    fix: nullTest,
  },
  {
    code: 'packet-pointer-invalidated',
    pattern: /R\d+ invalid mem access '(?:inv|scalar)'/,
    when: ({ lost }) => lost?.kind === 'packet',
    explain: (_, { subject, lost }) =>
      `${sentence(subject)} uses a packet pointer from before ${functionName(lost?.by)} was called. That call may move or resize the packet, so all earlier packet pointers, and all comparisons with \`data_end\`, no longer count.`,
    fix: reread,
  },
  {
    code: 'used-after-release',
    pattern: /R\d+ invalid mem access '(?:inv|scalar)'/,
    when: ({ lost }) => lost?.kind === 'reference',
    explain: (_, { subject, lost }) =>
      `${sentence(subject)} uses memory that ${functionName(lost?.by)} has given back. After that it may belong to someone else.`,
    fix: 'Do the last access before the memory is given back.',
  },
  {
    code: 'null-pointer',
    pattern: /R\d+ invalid mem access '(?:inv|scalar)'/,
    when: ({ value }) => isAboutNull(value?.constant),
    explain: (_, { subject, way, giver }) =>
      `${sentence(subject)} goes through a pointer that is NULL on this path${giver === undefined ? '' : `: \`${giver}\` may return NULL`}. ${
        way !== undefined && way.tests.length > 0
          ? 'There is a test, but it may be the wrong way round.'
          : 'No test keeps this path away from it.'
      }`,
    fix: 'Use the pointer only where a test has shown that it is not NULL: `if (!pointer) return XDP_PASS;`.',
  },
  {
    code: 'not-a-pointer',
    pattern: /R\d+ invalid mem access '(?:inv|scalar)'/,
    when: ({ value }) => value?.constant !== undefined,
    explain: (_, { subject }) =>
      `${sentence(subject)} goes through a fixed number. A BPF program can only use addresses that the kernel gave it.`,
    fix: 'Read other memory with the helpers made for it, such as `bpf_probe_read_kernel` in tracing programs.',
  },
  {
    code: 'not-a-pointer',
    pattern: /R\d+ invalid mem access '(?:inv|scalar)'/,
    when: ({ way }) => way?.origin.kind === 'load',
    explain: (_, { subject }) =>
      `${sentence(subject)} goes through a value that was loaded from memory. To the verifier that is a plain number, even if it holds an address: it cannot know what is there.`,
    fix: 'Read kernel memory with `bpf_probe_read_kernel` (or `BPF_CORE_READ`), and the packet through `ctx->data`.',
  },
  {
    code: 'not-a-pointer',
    pattern: /R\d+ invalid mem access '(?:inv|scalar)'/,
    explain: (_, { subject }) =>
      `${sentence(subject)} goes through a plain number. A pointer becomes one when it is cut to 32 bits, stored in a map or in the packet, or calculated with in a way that pointers do not allow.`,
    fix: 'Keep the pointer as a pointer (`void *`), and add only bounded numbers to it.',
  },
  {
    code: 'not-a-pointer',
    pattern: /R\d+ invalid mem access '(?<type>\w+)'/,
    explain: ({ type }, { subject }) =>
      `${sentence(subject)} reads or writes through ${typeWords(type ?? '')}, which only the functions made for it can do.`,
  },
  {
    code: 'map-value-bounds',
    pattern:
      /invalid access to map (?<what>value|key), (?:value|key)_size=(?<total>\d+) off=(?<off>-?\d+) size=(?<size>-?\d+)/,
    explain: ({ what, total, off, size }, { subject, helper }) => {
      const first = Number(off);
      const who = helper === undefined ? subject : `the memory handed to ${functionName(helper)}`;
      return first < 0
        ? `${sentence(who)} starts ${bytes(-first)} before the map ${what}.`
        : `${sentence(who)} can reach byte ${first + Number(size) - 1}, and the map ${what} has bytes 0 to ${Number(total) - 1}.`;
    },
    fix: 'Limit the index to the number of elements, right before the access: `if (index >= COUNT) return XDP_PASS;`. Check the size in the map definition.',
  },
  {
    code: 'map-value-bounds',
    pattern: /invalid access to map value pointer, value_size=(?<total>\d+) off=(?<off>\d+)/,
    explain: ({ total, off }) =>
      `The program takes the address of byte ${off} of a map value that has ${bytes(total ?? '')}.`,
  },
  {
    code: 'memory-bounds',
    pattern: /invalid access to memory, mem_size=(?<total>\d+) off=(?<off>-?\d+) size=(?<size>-?\d+)/,
    explain: ({ total, off, size }, { subject, giver }) =>
      Number(off) < 0
        ? `${sentence(subject)} starts ${bytes(-Number(off))} before the memory begins.`
        : `${sentence(subject)} touches bytes up to ${Number(off) + Number(size) - 1}, but ${giver === undefined ? 'the memory has' : `\`${giver}\` was asked for`} only ${bytes(total ?? '')}.`,
    fix: 'Ask for enough bytes, or stay inside.',
  },
  {
    code: 'memory-bounds',
    pattern:
      /R\d+ invalid (?<kind>\w+) buffer access: off=(?<off>-?\d+), size=(?<size>\d+)|invalid access to flow keys off=(?<flow>-?\d+)/,
    explain: (_, { subject }) => `${sentence(subject)} lies outside of the buffer.`,
  },
  {
    code: 'read-only-memory',
    pattern: /write into map forbidden, value_size=\d+ off=-?\d+ size=\d+/,
    explain: (_, { subject, helper }) =>
      helper === undefined
        ? `${sentence(subject)} writes to memory that programs may only read: constant data (\`const\`, string literals), or a map with BPF_F_RDONLY_PROG.`
        : `${sentence(functionName(helper))} may write through this pointer, and it points to read-only memory: constant data (\`const\`, string literals), or a map with BPF_F_RDONLY_PROG.`,
    fix: 'Copy the data into a local variable, or take `const` or the flag BPF_F_RDONLY_PROG away.',
  },
  {
    code: 'read-only-memory',
    pattern:
      /^write into map forbidden$|R\d+ cannot write into (?<type>\w+)|write to change key R\d+ not allowed|\S+\(\) may write into memory pointed by R\d+/,
    explain: ({ type }, { subject }) =>
      type === ''
        ? `${sentence(subject)} writes to memory that may only be read.`
        : `${sentence(subject)} writes to ${typeWords(type ?? '')}, which may only be read.`,
    fix: 'Write to a copy in a local variable.',
  },
  {
    code: 'write-only-memory',
    pattern: /read from map forbidden, value_size=\d+ off=-?\d+ size=\d+/,
    explain: (_, { subject }) =>
      `${sentence(subject)} reads from a map that programs may only write (BPF_F_WRONLY_PROG).`,
    fix: 'Take the flag BPF_F_WRONLY_PROG away from the map.',
  },
  {
    code: 'special-field',
    pattern: /(?<field>bpf_\w+|kptr) cannot be accessed (?:directly by load\/store|indirectly by helper)/,
    explain: ({ field }, { subject }) =>
      `${sentence(subject)} touches a \`${field}\` inside a map value. The kernel keeps its own data there, so only the functions made for it may.`,
    fix: 'Assign the other fields one by one instead of the whole structure, and leave this field to its own functions.',
  },
  {
    code: 'special-field',
    pattern:
      /(?:store to referenced kptr disallowed|kptr (?:in map|access)|BPF_ST imm must be 0 when storing to kptr|kptr isn't referenced kptr|has (?:more than \d+|repeating) kptr|doesn't point to (?:a )?kptr|has no valid kptr|invalid kptr access)/,
    explain: () => 'A kernel pointer in a map value (`__kptr`) is not used in the way such pointers allow.',
    fix: 'Store and take a referenced kernel pointer with `bpf_kptr_xchg` only.',
  },
  {
    code: 'misaligned-access',
    pattern: /misaligned (?<what>\w+ )?access off .*size (?<size>\d+)/,
    explain: ({ what, size }, { subject }) =>
      `${sentence(subject)} takes ${bytes(size ?? '')} at an address of the ${(what ?? '').trim() || 'memory'} that is not a multiple of ${size}.`,
    fix: 'Mark the structure `__attribute__((packed))`, so that the compiler reads it in smaller pieces, or copy the bytes with `__builtin_memcpy`.',
  },
  {
    code: 'map-pointer-access',
    pattern:
      /only read from bpf_array is supported|cannot access ptr member \w+ with moff|only read from (?<s>\w+) is supported|map_ptr access not supported|R\d+ is bpf_array invalid negative access|access beyond struct bpf_\w*(?:map|array|htab)\w* at off|R\d+ is map_ptr invalid negative/,
    explain: (_, { subject }) =>
      `${sentence(subject)} goes through the address of the map itself. A map is not an array in C: \`&map\` is only a name that is handed to helpers.`,
    fix: 'Get the value with `bpf_map_lookup_elem(&map, &key)` and use what it returns.',
  },
  {
    code: 'probe-memory',
    pattern:
      /access beyond (?:struct \w+|the end of member)|struct \w+ doesn't have field at offset|only read is supported|R\d+ is ptr_\S+ (?:invalid|access)|R\d+ must point to kernel BTF|R\d+ is \w+ invalid negative access/,
    explain: (_, { subject }) =>
      `${sentence(subject)} does not fit the kernel structure that the pointer points to: there is no such field at that place, or it cannot be written.`,
    fix: 'Use the structure as the running kernel has it (`vmlinux.h`, CO-RE), or read with `bpf_probe_read_kernel`.',
  },
];

/** NULL, or a field of a structure at NULL. */
function isAboutNull(constant: string | undefined): boolean {
  return constant !== undefined && Number(constant) >= 0 && Number(constant) < 4096;
}
