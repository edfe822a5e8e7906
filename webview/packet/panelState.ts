import * as v from 'valibot';
import { packetTemplates } from '../../extension/core/packet/templates.ts';
import { formatScapy, parseScapy } from '../../extension/core/packet/scapy.ts';
import { type Draft, draftOf, draftOfBytes } from './draft.ts';
import type { LayerView } from './layerForm.ts';
import { emptyInputs, type RunInputs } from './context.ts';

/** What survives a reload of the window: JSON, under the key `packet` of the webview's state. */
export const RememberedPanel = v.object({
  packet: v.object({
    /** A Scapy expression; empty: no layers. */
    expression: v.string(),
    inputs: v.object({
      repeat: v.string(),
      ingress: v.string(),
      rxQueue: v.string(),
      metadata: v.string(),
      cpu: v.string(),
      linear: v.optional(v.string(), ''),
      mode: v.optional(v.string(), 'fresh'),
      frames: v.optional(v.string(), emptyInputs.frames),
      batch: v.optional(v.string(), ''),
      maps: v.optional(v.string(), ''),
    }),
    /** Scapy names of folded layers. */
    folded: v.array(v.string()),
    /** How headers are shown. */
    view: v.optional(v.picklist(['fields', 'picture']), 'fields'),
  }),
});
export type RememberedPanel = v.InferOutput<typeof RememberedPanel>['packet'];

export interface PanelStart {
  draft: Draft;
  inputs: RunInputs;
  folded: ReadonlySet<string>;
  view: LayerView;
}

export function restore(stored: RememberedPanel | undefined): PanelStart {
  return {
    draft: draftFrom(stored?.expression) ?? firstDraft(),
    inputs: stored?.inputs ?? emptyInputs,
    folded: new Set(stored?.folded ?? []),
    view: stored?.view ?? 'fields',
  };
}

export function remembered({ draft, inputs, folded, view }: PanelStart): RememberedPanel {
  return {
    expression: draft.layers.length === 0 ? '' : formatScapy(draft.layers, { keepGiven: true }),
    inputs,
    folded: [...folded],
    view,
  };
}

/** Undefined where it is no packet. */
export function draftFrom(expression: string | undefined): Draft | undefined {
  if (expression === undefined) return undefined;
  try {
    const read = draftOf(expression === '' ? [] : parseScapy(expression));
    return read.ok ? read.draft : undefined;
  } catch {
    // Stored by another version of the product: begin anew rather than not at all.
    return undefined;
  }
}

function firstDraft(): Draft {
  const template = packetTemplates.find(({ id }) => id === 'ipv4-udp-dns') ?? packetTemplates[0];
  const first = draftOf(template?.layers ?? []);
  return first.ok ? first.draft : draftOfBytes(new Uint8Array());
}
