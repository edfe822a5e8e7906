import { translated } from '../core/text/language.ts';
import { padded, widthOf } from './columns.ts';

/** What `xdp VERB --help` says of each option of its synopsis; with `--json` the same as data. */
type Options = Readonly<Record<string, string>>;

const prog = 'the program: its function, or a section that it alone is in';
const netns = 'another network namespace: a name of `ip netns`, the number of a process, or /proc/PID/ns/net';
const engine =
  '`kernel` (what is taken without it), `vm` (the built-in machine, no privilege), or `both` and where they differ';
const watch = 'again every so many milliseconds';

const optionsOf: Readonly<Record<string, Options>> = {
  compile: {
    '-o': 'where the object is written; without it beside the source',
    '--vmlinux': 'what vmlinux.h is made from: a header, or a file with BTF; without it the running kernel',
  },
  disasm: {
    '--prog': prog,
    '--machine': 'what the kernel makes of it, instead of bytecode',
    '--tests': 'how often each instruction ran in the packet tests beside the source',
    '--id': 'a program that is loaded',
  },
  verify: { '--prog': prog },
  interfaces: { '--netns': netns, '--watch': watch },
  attach: {
    '--iface': 'the interface where packets arrive',
    '--prog': prog,
    '--with-tc': 'a tc program of the same object, for the ingress of the interface',
    '--mode': '`native` in the driver, `generic` in the stack, `offload` on the card; `auto` takes native where it can',
    '--netns': netns,
    '--via': '`link` ends with this process; `netlink` survives it, and other tools can replace it',
    '--guard': 'undone after so many seconds unless Enter is pressed; 0 for never, also where you could be cut off',
    '--keep': 'pin it and return: it stays until `xdp detach`',
    '--replace': 'in the place of what you kept attached there, in one step, its maps kept',
    '--fresh-maps': 'with --replace: all maps start anew',
    '--watch': 'after each change of FILE the new build takes over',
  },
  detach: {
    '--iface': 'the interface',
    '--netns': netns,
    '--force': 'also what somebody else has attached',
  },
  map: {
    '--watch': watch,
    '--filter': 'which entries: `src == 10.0.0.0/8 && rate(packets) > 1k`; docs/maps.md has the language',
    '--sort': 'by a field, the key or a rate',
    '--descending': 'the largest first',
    '--limit': 'so many entries at most',
    '--netns': 'where interfaces by number are looked up for their names',
    '--cpu': 'the value of this CPU alone',
    '--new': 'only where there is no such key yet',
    '--existing': 'only where there is such a key',
    '--format': 'how it is written, or what is read',
    '--label': 'put to every number, to tell two maps of one name apart',
    '-o': 'a file in the place of standard output',
    '--clear': 'empty the map first',
    '--test': 'what a packet test would expect',
    '--force': 'take records that the program behind the map waits for',
    '--type': 'the struct of a record',
  },
  run: {
    '--packet': 'hex, @file.bin, file.pcap#N, file.pcap for all of its packets, or Ether()/IP(…)/…',
    '--prog': prog,
    '--repeat': 'how often it runs for the time that is measured',
    '--ctx': 'what the context holds: ingress_ifindex, rx_queue_index, metadata, cpu, linear',
    '--maps': 'what the maps hold before the packet, or @FILE with that',
    '--engine': engine,
    '--netns': netns,
    '--story': 'the path of the packet through the source, with what each branch compared',
    '--event-type': 'the struct of a record of ring buffers and perf event arrays',
    '--record': 'the run becomes a test of this file',
    '--name': 'what that test is called',
    '--live': 'so many copies go into the stack, out again or where they are redirected',
    '--batch': 'how many of them are sent together',
    '-o': 'a capture of what came out, with verdicts',
    '--attached': 'the program that runs on this interface, on its own maps',
  },
  packet: {
    '--as': 'how it is printed',
    '--sweep': 'one packet for each value of a field',
    '--mutate':
      'broken on purpose: truncate, flip-bit, flip-byte, fragment, oversize, bad-checksum, max-options, zero-length',
    '-o': 'a capture of what was made',
  },
  lab: {
    '--topology': '`pair`, or `router`: client – router – server',
    '--traffic': 'kinds by weight: udp=6,tcp,icmp',
    '--rate': 'packets a second; 0 for none',
  },
  explain: { '--object': 'the program behind the log, for places in its source' },
  test: {
    '--engine': engine,
    '--bench': 'how long each packet takes in the kernel',
    '--repeat': 'with --bench: how often each runs',
    '--coverage': 'lcov, or Cobertura where its name ends in .xml',
    '--reporter': 'how results are printed',
    '--mutate': 'which changes of the program no test would notice',
  },
  generate: {
    '--prog': prog,
    '--time': 'seconds to search at most',
    '--seed': 'the same number finds the same packets',
    '--engine': '`both` runs what is found in the kernel as well',
    '-o': 'the packet test file that is made',
  },
  new: { '--template': 'which example it starts from; `xdp new` lists them' },
  bpfman: {
    '--image': 'where the image will be pushed to',
    '--prog': prog,
    '--iface': 'where it is attached on each node',
    '--name': 'of the Kubernetes resource',
    '-o': 'the folder that the files are written to',
  },
  admin: { '--group': 'whose members may start the helper; `xdp` without it' },
};

export function optionHelp(verb: string): Options {
  return optionsOf[verb] ?? {};
}

/** Two columns, in the reader's language. */
export function describeOptions(options: Options): string {
  const width = Math.max(...Object.keys(options).map(widthOf));
  const lines = Object.entries(options).map(([name, text]) => `  ${padded(name, width)}  ${translated(text)}`);
  return lines.length === 0 ? '' : `\n\n${lines.join('\n')}`;
}
