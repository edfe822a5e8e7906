import { referencesOf } from '../../packet/references.ts';
import { t } from '../../text/language.ts';
import { drawHeader, headerPictures } from './headerPictures.ts';
import { sections } from './vocabulary.ts';

/** What somebody who learns XDP wants to know about a word, as Markdown. */

/** `struct iphdr`: as its RFC draws it. */
export function headerNote(struct: string): string | undefined {
  const picture = headerPictures.get(struct);
  if (picture === undefined) return undefined;
  const [reference] = referencesOf(picture.cited);
  const cited = reference?.url === undefined ? picture.cited : `[${reference.text}](${reference.url})`;
  const order = t('Numbers of several bytes are in network order: read them with `bpf_ntohs` or `bpf_ntohl`.');
  return `**${picture.title}** (${cited})\n\n\`\`\`text\n${drawHeader(picture)}\n\`\`\`\n\n${order}`;
}

/** `SEC("xdp")`: where it will run, and how to find out what a driver can do. */
export function sectionNote(section: string): string | undefined {
  const known = sections.find(({ name }) => name === section);
  if (known === undefined) return undefined;
  const head = `\`SEC("${section}")\` ${t(known.text)}`;
  if (section !== 'xdp' && section !== 'xdp.frags') return head;
  return [
    head,
    '',
    t('Where it runs is chosen when it is attached:'),
    '',
    `- **native** ${t('in the driver, before the kernel makes an skb: fast; the driver has to support it')}`,
    `- **generic** ${t('in the network stack, with an skb made already: on any interface, slower')}`,
    `- **offload** ${t('on the network card itself; of the drivers in Linux, that of Netronome’s cards (nfp) can')}`,
    '',
    t(
      'What a driver can do: the row *Modes* of the Interfaces view and `xdp interfaces` say it with reasons. Since Linux 6.3 the kernel tells (`xdp-features`); before, trying to attach does.',
    ),
  ].join('\n');
}

/** Who writes to a value, and what follows from it. Undefined for maps without values of the program's own. */
export function sharingNote(mapType: string): string | undefined {
  if (mapType.includes('PERCPU')) {
    return t(
      'one value for each *possible* CPU (`/sys/devices/system/cpu/possible`), whether it is online or not, each rounded up to 8 bytes: no CPU waits for another, and who reads adds them up',
    );
  }
  if (/_(?:HASH|ARRAY)$/.test(mapType) && !/DEVMAP|CPUMAP|PROG_ARRAY|EVENT_ARRAY|CGROUP/.test(mapType)) {
    return t('one value for all CPUs: count with `__sync_fetch_and_add`, or counts are lost');
  }
  return undefined;
}
