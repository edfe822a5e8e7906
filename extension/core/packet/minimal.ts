/** Layers without the fields that are automatic anyway. */
import { computedChecksum } from './automatic.ts';
import { buildStack } from './build.ts';
import { markAutomatic } from './judge.ts';
import type { Layer } from './model.ts';

export interface MinimalOptions {
  /** Write out what Scapy itself would take from the machine it runs on (addresses, the time of day) or leave empty. */
  portable?: boolean;
  /** Keep what was given by hand, also where it would come by itself: somebody said it on purpose. */
  keepGiven?: boolean;
}

const addressKinds: readonly string[] = ['mac', 'ipv4', 'ipv6', 'address'];

/** The same packet, with only the fields that differ from what would be automatic. */
export function minimalLayers(
  layers: readonly Layer[],
  { portable = false, keepGiven = false }: MinimalOptions = {},
): Layer[] {
  const { bytes, stack, end } = buildStack(layers);
  for (const [index, laid] of stack.entries()) markAutomatic(bytes, laid, stack[index + 1]?.header, end);
  return stack.map((laid, index) => {
    const fields: Layer['fields'] = {};
    for (const [position, field] of laid.layer.fields.entries()) {
      const spec = laid.specs[position];
      if (spec === undefined) continue;
      const auto =
        spec.spec.auto?.kind === 'checksum'
          ? field.value === computedChecksum(bytes, stack, index, spec, field, end, 'asGiven')
          : field.auto;
      // Above AH, Scapy computes no checksum.
      const empty = spec.spec.auto?.kind === 'checksum' && stack[index - 1]?.header.spec.name === 'AH';
      const given = keepGiven && layers[index]?.fields[field.name] !== undefined;
      if (
        !auto ||
        given ||
        (portable && (empty || addressKinds.includes(spec.spec.kind) || spec.spec.notAsScapy === true))
      )
        fields[field.name] = field.value;
    }
    return { name: laid.layer.name, fields };
  });
}
