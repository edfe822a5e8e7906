import { XdpError } from '../errors.ts';

/** Far above what the kernel can be built for (CONFIG_NR_CPUS ends at 8192). */
const maxCpu = 65_535;

/**
 * CPU numbers of a list as /sys/devices/system/cpu/{possible,online} has it: `0-3,8`. Empty text is no CPU.
 * Source: the kernel's lib/bitmap.c, bitmap_print_to_pagebuf() in list form.
 */
export function parseCpuList(text: string): number[] {
  const cpus = new Set<number>();
  const trimmed = text.trim();
  if (trimmed === '') return [];
  for (const part of trimmed.split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    const first = Number(match?.[1] ?? Number.NaN);
    const last = Number(match?.[2] ?? first);
    if (!(first <= last && last <= maxCpu)) {
      throw new XdpError(
        'value-invalid',
        `"${trimmed.slice(0, 60)}" is no list of CPUs: expected numbers and ranges such as 0-3,8.`,
      );
    }
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return [...cpus].sort((a, b) => a - b);
}
