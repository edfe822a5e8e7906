/** CPU numbers of a kernel list as /sys/devices/system/cpu/{possible,online} write it: `0-3`, `0,2-3`. */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const part of text.trim().split(',')) {
    const [first, last] = part.split('-').map((end) => Number.parseInt(end, 10));
    if (first === undefined || Number.isNaN(first)) continue;
    for (let cpu = first; cpu <= (last ?? first); cpu++) cpus.push(cpu);
  }
  return cpus;
}
