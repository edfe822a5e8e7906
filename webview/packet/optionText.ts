import { XdpError } from '../../extension/core/errors.ts';
import type { FieldValue } from '../../extension/core/packet/model.ts';
import { formatScapy, parseScapy } from '../../extension/core/packet/scapy.ts';

/** Lists of options as Scapy writes them: `[("MSS", 1460), ("NOP", None)]`. */

export function optionsText(layer: string, field: string, value: FieldValue): string {
  if (Array.isArray(value) && value.length === 0) return '[]';
  const whole = formatScapy([{ name: layer, fields: { [field]: value } }]);
  const start = whole.indexOf(`${field}=`);
  return start < 0 ? '[]' : whole.slice(start + field.length + 1, -1);
}

/** undefined for an empty list: automatic. Throws XdpError('packet-invalid'). */
export function valueOfOptions(layer: string, field: string, text: string): FieldValue | undefined {
  const list = text.trim();
  if (list === '' || list === '[]') return undefined;
  if (!list.startsWith('[')) {
    throw new XdpError('packet-invalid', 'A list stands here, as in Scapy: [("MSS", 1460), ("NOP", None)].');
  }
  return parseScapy(`${layer}(${field}=${list})`)[0]?.fields[field];
}
