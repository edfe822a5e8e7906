import { alignOf, sizeOf, stripModifiers, typeAt } from '../../btf/resolve.ts';
import type { Btf } from '../../btf/types.ts';
import { XdpError } from '../../errors.ts';
import type { LinkOptions } from './linkedObject.ts';

/** What programs get when nothing else is said: Linux 6.12, a long-term version. */
export const defaultKernelVersion = (6 << 16) | (12 << 8);

/** A kernel has some 12,000 options, of which the longest are texts of some hundred bytes. */
const mostBytes = 1 << 20;

/** `__kconfig` externs: where each one is in the `.kconfig` map, and the bytes of that map. */
export interface Kconfig {
  offsets: ReadonlyMap<string, number>;
  bytes: Uint8Array;
}

/**
 * Lays `.kconfig` out as libbpf does (libbpf.c, cmp_externs: falling alignment, rising size, then name) and fills it.
 * What nobody gave a value is 0, and said in `remarks`.
 */
export function layOutKconfig(btf: Btf | undefined, options: LinkOptions, remarks: string[]): Kconfig {
  const offsets = new Map<string, number>();
  const datasec = btf?.types.find((type) => type.kind === 'datasec' && type.name === '.kconfig');
  if (btf === undefined || datasec?.kind !== 'datasec') return { offsets, bytes: new Uint8Array(0) };
  const externs = datasec.vars.map(({ type }) => {
    const variable = typeAt(btf, type);
    return { name: variable.name, type, align: alignOf(btf, type), size: sizeOf(btf, type) ?? 0 };
  });
  externs.sort((a, b) => b.align - a.align || a.size - b.size || (a.name < b.name ? -1 : 1));
  let end = 0;
  for (const { name, align, size } of externs) {
    end = Math.ceil(end / align) * align;
    offsets.set(name, end);
    end += size;
  }
  if (end > mostBytes) {
    throw new XdpError(
      'load-failed',
      `The kernel options that the object reads take ${end} bytes, more than ${mostBytes}.`,
      {
        fix: 'Its type information (BTF) is damaged: compile it again.',
      },
    );
  }
  const bytes = new Uint8Array(end);
  for (const { name, type, size } of externs) {
    const value = valueOf(name, options, remarks);
    write(btf, bytes.subarray(offsets.get(name) ?? 0, (offsets.get(name) ?? 0) + size), type, name, value);
  }
  return { offsets, bytes };
}

function valueOf(name: string, options: LinkOptions, remarks: string[]): string | number | bigint {
  const given = options.kconfig?.[name];
  if (given !== undefined) return given;
  switch (name) {
    case 'LINUX_KERNEL_VERSION':
      return options.kernelVersion ?? defaultKernelVersion;
    case 'LINUX_HAS_SYSCALL_WRAPPER':
    case 'LINUX_HAS_BPF_COOKIE':
      return 1;
    default:
      remarks.push(`The kernel option ${name} was not given: the program sees 0.`);
      return 0;
  }
}

/** `y`, `n` and `m` as libbpf's enum libbpf_tristate has them: 1, 0 and 2. */
const tristate: Readonly<Record<string, bigint>> = { n: 0n, y: 1n, m: 2n };

function write(btf: Btf, bytes: Uint8Array, typeId: number, name: string, value: string | number | bigint): void {
  const variable = typeAt(btf, typeId);
  const { type } = stripModifiers(btf, variable.kind === 'var' ? variable.type : typeId);
  if (type.kind === 'array') {
    const text = typeof value === 'string' ? value.replace(/^"|"$/g, '') : '';
    for (let i = 0; i < Math.min(text.length, bytes.length - 1); i++) bytes[i] = text.charCodeAt(i) & 0xff;
    return;
  }
  let number: bigint;
  try {
    number = typeof value === 'string' ? (tristate[value] ?? BigInt(value)) : BigInt(value);
  } catch (cause) {
    throw new XdpError('load-failed', `The kernel option ${name} cannot be ${String(value)}: a number is expected.`, {
      cause,
    });
  }
  // libbpf keeps a character for `char` options: libbpf.c, set_kcfg_value_tri().
  if (type.kind === 'int' && type.char && typeof value === 'string' && value in tristate)
    number = BigInt(value.charCodeAt(0));
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number((number >> BigInt(8 * i)) & 0xffn);
}
