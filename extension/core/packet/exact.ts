/** Bytes as layers that build the very same bytes again. */
import { equalBytes } from './bits.ts';
import { buildPacket } from './build.ts';
import { dissect, layersOf } from './dissect.ts';
import type { Layer } from './model.ts';

/** What could not be built back exactly stays one payload: nothing may change a packet silently. */
export function exactLayers(bytes: Uint8Array): readonly Layer[] {
  const layers = layersOf(dissect(bytes));
  try {
    if (equalBytes(buildPacket(layers).bytes, bytes)) return layers;
  } catch {
    // Longer than what is built (maxPacketBytes), for example.
  }
  return [{ name: 'Raw', fields: { load: bytes } }];
}
