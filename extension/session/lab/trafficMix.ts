import { XdpError } from '../../core/errors.ts';
import { trafficKinds, type TrafficMix } from '../../protocol/labTraffic.ts';

/** Mostly UDP, some connection attempts and pings, over IPv4 and IPv6. */
export const defaultMix = parseMix('udp=6,udp6=2,tcp,tcp6,icmp,icmp6');

/** `udp=6,tcp,arp`: kinds with their weights, 1 where none is given. Errors: `usage`. */
export function parseMix(text: string): TrafficMix {
  const mix: TrafficMix = [];
  for (const part of text.split(',').map((each) => each.trim())) {
    const [name = '', weight = '1', ...more] = part.split('=');
    const kind = trafficKinds.find((each) => each === name);
    if (kind === undefined || more.length > 0) throw refusal(`There is no traffic ${JSON.stringify(part)}.`);
    if (!/^\d+$/.test(weight) || Number(weight) < 1 || Number(weight) > 100) {
      throw refusal(`The weight of ${name} cannot be ${JSON.stringify(weight)}.`);
    }
    if (mix.some((share) => share.kind === kind)) throw refusal(`${name} is there twice.`);
    mix.push({ kind, weight: Number(weight) });
  }
  return mix;
}

export function mixText(mix: TrafficMix): string {
  return mix.map(({ kind, weight }) => (weight === 1 ? kind : `${kind}=${weight}`)).join(',');
}

function refusal(message: string): XdpError {
  return new XdpError('usage', message, {
    fix: `Kinds with weights from 1 to 100, such as udp=6,tcp,icmp. Kinds: ${trafficKinds.join(', ')}.`,
  });
}
