import { nearest } from '../core/packet/fail.ts';

/** What hands type that know iproute2, bpftool or xdp-tools: they are told what it is called here. */
const foreign = {
  verb: {
    build: ['compile'],
    dissect: ['packet'],
    link: ['interfaces'],
    list: ['interfaces', 'maps'],
    load: ['attach'],
    net: ['interfaces'],
    objdump: ['disasm'],
    show: ['interfaces', 'maps'],
    status: ['interfaces'],
    unload: ['detach'],
  },
  option: {
    '--dev': ['--iface'],
    '--interface': ['--iface'],
    '--namespace': ['--netns'],
    '--pin-path': ['--keep'],
    '--prog-name': ['--prog'],
    '--sec': ['--prog'],
    '--section': ['--prog'],
    '-d': ['--iface'],
    '-i': ['--iface'],
    '-m': ['--mode'],
    '-n': ['--prog'],
    '-p': ['--packet', '--keep'],
    '-s': ['--prog'],
  },
  value: {
    drv: ['native'],
    driver: ['native'],
    xdpdrv: ['native'],
    skb: ['generic'],
    xdpgeneric: ['generic'],
    hw: ['offload'],
    xdpoffload: ['offload'],
  },
  action: {
    lookup: ['get'],
    remove: ['delete'],
    update: ['set'],
  },
} as const;

/** Which of `known` is probably meant, as a question; nothing where none is. */
export function meant(what: keyof typeof foreign, word: string, known: readonly string[]): string[] {
  const names: Readonly<Record<string, readonly string[]>> = foreign[what];
  const here = Object.hasOwn(names, word) ? names[word]?.filter((name) => known.includes(name)) : undefined;
  const name = here?.[0] === undefined ? nearest(word, known) : here.join(' / ');
  return name === undefined ? [] : [`Did you mean ${name}?`];
}
