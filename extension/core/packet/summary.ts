/** A packet in one line, as a list of packets shows it. */
import { headers } from './headers/table.ts';
import { t } from '../text/language.ts';
import type { BuiltLayer, Dissection, FieldValue } from './model.ts';
import { flagsToText } from './value.ts';

export interface PacketSummary {
  /** Innermost addresses; MACs where there are no others. */
  source: string;
  destination: string;
  /** The last header that says something: `TCP`, `ARP`, `DNS`. */
  protocol: string;
  /** `49152 → 80 [S]`, `who has 10.0.0.2? tell 10.0.0.1`. */
  info: string;
}

export function summarize({ layers }: Pick<Dissection, 'layers'>): PacketSummary {
  const network = layers.findLast(({ name }) => name === 'IP' || name === 'IPv6') ?? layers[0];
  const last = layers.findLast(({ name }) => {
    const role = headers.get(name)?.role;
    return role !== 'payload' && role !== undefined;
  });
  const wrong = layers.reduce((sum, { fields }) => sum + fields.filter((field) => field.wrong !== undefined).length, 0);
  return {
    source: textOf(network, 'src'),
    destination: textOf(network, 'dst'),
    protocol: t(headers.get(last?.name ?? '')?.label ?? last?.name ?? ''),
    info: [infoOf(layers), wrong === 0 ? '' : t('{0} wrong', wrong)].filter((part) => part !== '').join(' · '),
  };
}

function valueOf(layer: BuiltLayer | undefined, name: string): FieldValue | undefined {
  return layer?.fields.find((field) => field.name === name)?.value;
}

function textOf(layer: BuiltLayer | undefined, name: string): string {
  const value = valueOf(layer, name);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function infoOf(layers: readonly BuiltLayer[]): string {
  const parts: string[] = [];
  for (const layer of layers) {
    const value = (name: string): string => textOf(layer, name);
    switch (layer.name) {
      case 'Dot1Q':
      case 'Dot1AD':
        parts.push(`VLAN ${value('vlan')}`);
        break;
      case 'MPLS':
        parts.push(t('label {0}', value('label')));
        break;
      case 'ARP':
        parts.push(
          value('op') === '1'
            ? t('who has {0}? tell {1}', value('pdst'), value('psrc'))
            : value('op') === '2'
              ? t('{0} is at {1}', value('psrc'), value('hwsrc'))
              : t('operation {0}', value('op')),
        );
        break;
      case 'VXLAN':
      case 'GENEVE':
        parts.push(`VNI ${value('vni')}`);
        break;
      case 'GTP_U_Header':
        parts.push(`TEID ${value('teid')}`);
        break;
      case 'TCP': {
        const flags = valueOf(layer, 'flags');
        const names = flagsToText(['F', 'S', 'R', 'P', 'A', 'U', 'E', 'C', 'N'], Number(flags)) ?? '';
        parts.push(`${value('sport')} → ${value('dport')} [${names}]`);
        break;
      }
      case 'UDP':
      case 'SCTP':
        parts.push(`${value('sport')} → ${value('dport')}`);
        break;
      case 'ICMP':
        parts.push(t('type {0} code {1}', value('type'), value('code')));
        break;
      case 'DNS': {
        const names = (layer.parts ?? []).filter(({ name }) => name === 'DNSQR').map((part) => textOf(part, 'qname'));
        parts.push(`${value('qr') === '1' ? t('answer') : t('question')} ${names.join(', ')}`.trim());
        break;
      }
      default: // its name is enough
    }
  }
  return parts.join(' · ');
}
