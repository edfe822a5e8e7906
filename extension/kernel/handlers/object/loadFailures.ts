import { XdpError } from '../../../core/errors.ts';
import { errno, errnoName, errnoText } from '../../libbpf/errno.ts';
import type { BpfProgram } from '../../libbpf/port.ts';
import { loadCapabilities, privilegeError } from './failures.ts';

/** libbpf's own error numbers, include/libbpf_legacy.h (`enum libbpf_errno`). */
const libbpfErrno = { libelf: 4000, format: 4001, kernelVersion: 4002, endian: 4003, internal: 4004, relocation: 4005 };

const elfMagic = [0x7f, 0x45, 0x4c, 0x46];

/** Why bpf_object__open_mem() said no. */
export function openFailure(name: string, elf: Uint8Array, result: number, warnings: readonly string[]): XdpError {
  const details = { errno: Math.abs(result), libbpf: warnings };
  if (!elfMagic.every((byte, index) => elf[index] === byte)) {
    return new XdpError('not-bpf-object', `${name} is not an ELF object`, {
      fix: 'Compile the C source with clang -O2 -g -target bpf -c.',
      details,
    });
  }
  if (warnings.some((line) => line.includes('legacy map definitions'))) {
    return new XdpError(
      'load-failed',
      `${name} declares maps the old way (struct bpf_map_def, SEC("maps")), which libbpf 1.0 removed`,
      {
        fix: 'Define each map as a struct with __uint(type, …) in SEC(".maps").',
        details,
      },
    );
  }
  switch (-result) {
    case libbpfErrno.endian:
      return new XdpError('not-bpf-object', `${name} was compiled for the other byte order`, {
        fix: 'Compile it with -target bpf, which takes the byte order of this machine.',
        details,
      });
    case libbpfErrno.format:
      return new XdpError(
        'not-bpf-object',
        `${name} is not a BPF object that libbpf understands${lastWords(warnings)}`,
        {
          fix: 'Compile the C source with clang -O2 -g -target bpf -c.',
          details,
        },
      );
    default:
      return new XdpError(
        'object-damaged',
        `${name} could not be read by libbpf: ${errnoText(result)}${lastWords(warnings)}`,
        {
          fix: 'The object may be truncated: compile it again.',
          details,
        },
      );
  }
}

/** The verifier said no: `details.log` is its whole log. */
export function rejection(program: BpfProgram, result: number, log: string, capabilities: readonly string[]): XdpError {
  const needsPerfmon = /prohibited|pointer arithmetic/.test(log) && !capabilities.includes('CAP_PERFMON');
  return new XdpError(
    'program-rejected',
    `The verifier rejected ${program.name}: ${verdictLine(log) || errnoText(result)}`,
    {
      fix: needsPerfmon
        ? 'The helper lacks CAP_PERFMON, without which the verifier forbids arithmetic between packet pointers: let it start with elevation.'
        : 'The verifier log shows the path that led there.',
      details: {
        program: program.name,
        section: program.section,
        errno: Math.abs(result),
        errnoName: errnoName(result),
        log,
        ...(needsPerfmon ? { capability: 'CAP_PERFMON' } : {}),
      },
    },
  );
}

/** What the verifier says after the last instruction that it looked at, as one line. */
export function verdictLine(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '' && !isStatistics(line));
  const isStep = (line: string): boolean => /^(\d+: |;|from \d+|\s)/.test(line);
  const last = lines.findLastIndex(isStep);
  return lines
    .slice(last + 1)
    .map((line) => line.trim())
    .join('; ');
}

function isStatistics(line: string): boolean {
  return /^(processed \d+ insns|verification time|stack depth|mark_precise)/.test(line);
}

/** bpf_object__load() failed and no verifier log tells why. */
export function loadFailure(
  name: string,
  result: number,
  warnings: readonly string[],
  capabilities: readonly string[],
): XdpError {
  const details = { errno: Math.abs(result), errnoName: errnoName(result), libbpf: warnings };
  const map = failedMap(warnings);
  if (map !== undefined) {
    if (map.errno === errno.EPERM)
      return privilegeError(`Creating the map ${map.name}`, capabilities, loadCapabilities);
    return new XdpError('load-failed', `The map ${map.name} of ${name} could not be created: ${errnoText(map.errno)}`, {
      fix: mapAdvice(map.errno),
      details: { ...details, errno: map.errno, errnoName: errnoName(map.errno), map: map.name },
    });
  }
  if (-result === errno.EPERM) return privilegeError(`Loading ${name}`, capabilities, loadCapabilities);
  return new XdpError('load-failed', `${name} could not be loaded: ${errnoText(result)}${lastWords(warnings)}`, {
    fix: loadAdvice(-result, warnings),
    details,
  });
}

/**
 * Why one program was refused before the verifier saw it, in libbpf's words; undefined when the failure concerns the whole
 * object. libbpf resolves every extern of an object whichever programs are asked for, so that each of them meets it.
 */
export function refusalOfProgram(program: string, result: number, warnings: readonly string[]): string | undefined {
  if (-result === errno.EPERM || failedMap(warnings) !== undefined) return undefined;
  const extern = warnings.find((line) => line.startsWith('extern '));
  if (extern !== undefined) return `libbpf loads no program of this object: ${extern}`;
  return warnings.find((line) => line.startsWith(`prog '${program}': `));
}

function failedMap(warnings: readonly string[]): { name: string; errno: number } | undefined {
  for (const line of warnings) {
    const match = /map '([^']+)': failed to create: .*\(-(\d+)\)/.exec(line);
    if (match?.[1] !== undefined) return { name: match[1], errno: Number(match[2]) };
  }
  return undefined;
}

function mapAdvice(value: number): string {
  switch (value) {
    case errno.E2BIG:
      return 'Its key, value or max_entries is larger than this map type takes: make them smaller.';
    case errno.ENOMEM:
      return 'The kernel has not enough memory for it: lower max_entries, or give the hash map BPF_F_NO_PREALLOC.';
    case errno.EINVAL:
      return 'Check type, key size, value size, max_entries (0 is refused by most types) and flags; an older kernel may not know this map type.';
    case errno.EOPNOTSUPP:
    case errno.ENOTSUPP:
      return 'This kernel was built without this map type.';
    default:
      return 'Check the definition of the map.';
  }
}

function loadAdvice(value: number, warnings: readonly string[]): string {
  if (warnings.some((line) => /extern .* not found|unresolved/.test(line))) {
    return 'The program uses a kernel symbol or function that this kernel does not have: mark it __weak and test for it, or use a newer kernel.';
  }
  if (warnings.some((line) => /vmlinux|kernel BTF|CO-RE/.test(line))) {
    return 'The program needs BTF of the running kernel (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF).';
  }
  switch (value) {
    case errno.E2BIG:
      return 'The program has more instructions than the kernel takes (one million after inlining): split it with tail calls.';
    case errno.ENOSPC:
      return 'The program uses more maps, BTF functions or log than the kernel takes.';
    case errno.ENOMEM:
      return 'The kernel has not enough memory for it.';
    case errno.EMFILE:
      return 'The helper has too many open files: close objects that are no longer used.';
    case errno.EINVAL:
      return 'This kernel does not know a program type, helper or flag that the object uses.';
    default:
      return "libbpf's messages in the output channel say more.";
  }
}

function lastWords(warnings: readonly string[]): string {
  const line = warnings.findLast((text) => !text.startsWith('failed to load object'));
  return line === undefined ? '' : ` (${line})`;
}
