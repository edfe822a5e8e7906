import koffi from 'koffi';
import { readFileSync } from 'node:fs';
import { XdpError } from '../../core/errors.ts';

/** A pointer as koffi hands it out. */
export type Pointer = bigint;

export type Library = ReturnType<typeof koffi.load>;

const loaded = new Map<string | null, Library>();

/** A library by its name, once; null is what Node itself is linked with: the C library, whatever its file is called. */
export function openLibrary(name: string | null): Library {
  // A koffi call runs on a stack of koffi's own: libbpf's relocation code wants more than its default for async calls.
  if (loaded.size === 0) koffi.config({ async_stack_size: 1 << 20 });
  const library = loaded.get(name) ?? koffi.load(name);
  loaded.set(name, library);
  return library;
}

/**
 * A function of `library` as a typed TypeScript function. Bound when first called, since a symbol that this version of
 * the library lacks throws when it is bound.
 */
export function lazyFunction<F extends (...args: never[]) => unknown>(library: () => Library, signature: string): F {
  let bound: F | undefined;
  return ((...args: never[]) => {
    bound ??= library().func(signature) as unknown as F;
    return bound(...args);
  }) as F;
}

/**
 * The same on a thread of koffi's pool, so that a long call leaves the event loop free. Buffers among the arguments must
 * stay referenced until the promise settles. Only for functions that answer with a number.
 */
export function inBackground<A extends unknown[]>(
  library: Library,
  signature: string,
): (...args: A) => Promise<number> {
  let bound: ReturnType<Library['func']> | undefined;
  return (...args) =>
    new Promise((resolve, reject) => {
      bound ??= library.func(signature);
      bound.async(...args, (error: unknown, result: number) => {
        if (error === null || error === undefined) resolve(result);
        else reject(error instanceof Error ? error : new Error('A native call failed', { cause: error }));
      });
    });
}

/** Loads libbpf.so.1. Throws `libbpf-missing` or `libbpf-too-old` with the command for this distribution. */
export function loadLibbpf(): Library {
  try {
    return openLibrary('libbpf.so.1');
  } catch (cause) {
    const fix = libbpfFix();
    if (canLoad('libbpf.so.0')) {
      throw new XdpError(
        'libbpf-too-old',
        'This system has libbpf 0.x (libbpf.so.0); XDP for VS Code needs libbpf 1.0 or newer (libbpf.so.1)',
        { fix, cause },
      );
    }
    throw new XdpError('libbpf-missing', `libbpf.so.1 could not be loaded: ${messageOf(cause)}`, { fix, cause });
  }
}

function canLoad(name: string): boolean {
  try {
    koffi.load(name).unload();
    return true;
  } catch {
    return false;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** One command by the distribution that /etc/os-release names. */
export function libbpfFix(osRelease = readOsRelease()): string {
  const ids = /^ID(?:_LIKE)?=(.*)$/gm;
  const names = [...osRelease.matchAll(ids)].map((match) => (match[1] ?? '').replaceAll('"', '')).join(' ');
  const is = (...wanted: string[]) => names.split(/\s+/).some((name) => wanted.includes(name));
  if (is('debian', 'ubuntu')) return 'Install it: sudo apt install libbpf1 (Debian 12 / Ubuntu 24.04 or newer)';
  if (is('fedora', 'rhel', 'centos')) return 'Install it: sudo dnf install libbpf';
  if (is('suse', 'opensuse')) return 'Install it: sudo zypper install libbpf1';
  if (is('arch')) return 'Install it: sudo pacman -S libbpf';
  if (is('alpine')) return 'Install it: sudo apk add libbpf';
  return "Install your distribution's package of libbpf 1.0 or newer (it carries libbpf.so.1)";
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}
