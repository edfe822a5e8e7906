import { headers } from '../../extension/core/packet/headers/table.ts';
import type { FieldValue } from '../../extension/core/packet/model.ts';
import { formatScapyValue, parseScapy } from '../../extension/core/packet/scapy.ts';
import { equalValue } from '../../extension/core/packet/value.ts';

/** Lists of options and records as Scapy writes them: `[("MSS", 1460), ("NOP", None)]`, `DNSQR(qname="a.b")`. */

export function optionsText(layer: string, field: string, value: FieldValue): string {
  return formatScapyValue(layer, field, value);
}

/** undefined for an empty text, and for an empty list where that is the default: automatic. Throws XdpError('packet-invalid'). */
export function valueOfOptions(layer: string, field: string, text: string): FieldValue | undefined {
  const list = text.trim();
  if (list === '') return undefined;
  const value = parseScapy(`${layer}(${field}=${list})`)[0]?.fields[field];
  const spec = headers.get(layer)?.fields.find(({ name }) => name === field);
  return equalValue(value, spec?.default) ? undefined : value;
}
