import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KernelBtf } from '../../core/btf/kernelTypes.ts';
import { parseHelperDefs } from '../../core/c/assist/helperDefs.ts';
import { type Helper, parseHelpers } from '../../core/c/assist/helpers.ts';
import type { KernelTypes, Knowledge } from '../../core/c/assist/knowledge.ts';
import type { CSource } from '../../core/c/source.ts';
import { HeaderCache } from './headers.ts';

export interface SurroundingsOptions {
  /** Absolute path of the product's bpf/include. */
  bundledInclude: string;
  /** The kernel's types; another path only in tests. */
  btf?: string;
}

/** What is around the sources of this machine: its headers, the helpers that they document, the running kernel's types. */
export class Surroundings {
  readonly #headers: HeaderCache;
  readonly #btf: string;
  readonly #bundledInclude: string;
  #helpers: Promise<ReadonlyMap<string, Helper>> | undefined;
  #kernel: Promise<KernelTypes | undefined> | undefined;

  constructor({ bundledInclude, btf = '/sys/kernel/btf/vmlinux' }: SurroundingsOptions) {
    const machine = [
      '/usr/include',
      '/usr/include/x86_64-linux-gnu',
      '/usr/include/aarch64-linux-gnu',
      '/usr/local/include',
    ];
    this.#headers = new HeaderCache([...machine, join(bundledInclude, 'libbpf'), bundledInclude]);
    this.#btf = btf;
    this.#bundledInclude = bundledInclude;
  }

  async knowledgeOf(file: string, source: CSource): Promise<Knowledge> {
    const usesVmlinux = source.includes.some(({ header }) => /(?:^|\/)vmlinux\.h$/.test(header));
    this.#helpers ??= readHelpers(this.#bundledInclude);
    // 20 MB and half a second: only for programs that use what is in it.
    if (usesVmlinux || /__ksym\b/.test(source.text)) this.#kernel ??= this.#readKernel();
    const [helpers, headers, kernel] = await Promise.all([this.#helpers, this.#headers.of(file, source), this.#kernel]);
    return { helpers, headers, kernel, usesVmlinux };
  }

  async #readKernel(): Promise<KernelTypes | undefined> {
    try {
      return new KernelBtf(await readFile(this.#btf));
    } catch {
      // A kernel without BTF, or another system: what the headers say is all there is.
      return undefined;
    }
  }
}

/** From this machine's kernel headers, so that it fits them; on another system, and in a page, from those of the product. */
async function readHelpers(bundledInclude: string): Promise<ReadonlyMap<string, Helper>> {
  for (const path of ['/usr/include/linux/bpf.h', '/usr/local/include/linux/bpf.h']) {
    const helpers = parseHelpers(await readFile(path, 'utf8').catch(() => ''));
    if (helpers.size > 0) return helpers;
  }
  const bundled = join(bundledInclude, 'libbpf', 'bpf', 'bpf_helper_defs.h');
  return parseHelperDefs(await readFile(bundled, 'utf8').catch(() => ''));
}
