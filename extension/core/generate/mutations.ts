import { buildPacket } from '../packet/build.ts';
import { compiledHeaders } from '../packet/compile.ts';
import { exactLayers } from '../packet/exact.ts';
import type { Layer } from '../packet/model.ts';
import { mutate, mutations } from '../packet/mutate.ts';
import { XdpError } from '../errors.ts';
import { testRunLimits } from '../xdp.ts';
import { resized } from './flips.ts';
import { defaultIfindex, type Input } from './input.ts';
import type { Random } from './random.ts';

/** Changes by chance: bytes, and headers and fields as the header table knows them. */
export class Mutator {
  private readonly random: Random;
  /** Numbers that the program compares with. */
  private readonly constants: readonly number[];
  private readonly layerNames: readonly string[];

  constructor(random: Random, constants: readonly number[]) {
    this.random = random;
    this.constants = constants;
    this.layerNames = [...compiledHeaders().values()]
      .filter(({ spec }) => spec.role !== 'option' && spec.role !== 'payload')
      .map(({ spec }) => spec.name);
  }

  /** One to four changes. */
  change(input: Input, other: Input): Input {
    let made = input;
    for (let left = 1 + this.random.below(4); left > 0; left--) made = this.once(made, other);
    return made;
  }

  private once(input: Input, other: Input): Input {
    const chosen = this.random.below(16);
    if (chosen < 6) return this.bytes(input);
    if (chosen < 9) return this.structure(input);
    if (chosen < 11) return this.length(input);
    if (chosen < 13) return this.entries(input, other);
    if (chosen < 14) return this.context(input);
    return this.splice(input, other);
  }

  private bytes(input: Input): Input {
    const { random } = this;
    const packet = input.packet.slice();
    const at = random.below(Math.min(packet.length, 128));
    switch (random.below(4)) {
      case 0:
        packet[at] = packet[at]! ^ (1 << random.below(8));
        break;
      case 1:
        packet[at] = random.below(256);
        break;
      case 2:
        packet[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, 4, 6, 17, 58]);
        break;
      default:
        this.constant(packet, at);
    }
    return { ...input, packet };
  }

  /** A number that the program compares with, in either byte order. */
  private constant(bytes: Uint8Array, at: number): void {
    const value = this.random.pick(this.constants);
    if (value === undefined) return;
    const size = this.random.pick([1, 2, 4]);
    const forward = this.random.chance(0.5);
    for (let index = 0; index < size && at + index < bytes.length; index++) {
      bytes[at + index] = value >>> (8 * (forward ? index : size - 1 - index));
    }
  }

  private structure(input: Input): Input {
    try {
      const layers = this.layers(exactLayers(input.packet));
      const packet = buildPacket(layers).bytes;
      const fits = packet.length >= testRunLimits.minPacket && packet.length <= testRunLimits.maxLinear;
      return fits ? { ...input, packet } : input;
    } catch (error) {
      // A stack that cannot be built is no packet.
      if (error instanceof XdpError) return input;
      throw error;
    }
  }

  private layers(layers: readonly Layer[]): readonly Layer[] {
    const { random } = this;
    const at = random.below(layers.length);
    switch (random.below(4)) {
      case 0: {
        const name = random.pick(this.layerNames) ?? 'Raw';
        return automatic([...layers.slice(0, at + 1), { name, fields: {} }, ...layers.slice(at + 1)]);
      }
      case 1:
        return layers.length > 1 && at > 0 ? automatic([...layers.slice(0, at), ...layers.slice(at + 1)]) : layers;
      case 2: {
        const kind = random.pick(mutations);
        if (kind === undefined || kind.asks !== 'none') return layers;
        return mutate(kind.id, layers)[random.below(2)] ?? layers;
      }
      default:
        return this.field(layers, at);
    }
  }

  private field(layers: readonly Layer[], at: number): readonly Layer[] {
    const { random } = this;
    const field = random.pick(compiledHeaders().get(layers[at]?.name ?? '')?.fields ?? []);
    if (field === undefined || !['uint', 'enum', 'flags'].includes(field.spec.kind)) return layers;
    const named = Object.keys(field.spec.names ?? {}).map(Number);
    const value = random.pick([0, 1, field.max, random.below(field.max + 1), random.pick(named) ?? 0]);
    return layers.map((layer, index) =>
      index === at ? { ...layer, fields: { ...layer.fields, [field.name]: value } } : layer,
    );
  }

  private length(input: Input): Input {
    const { random } = this;
    const { length } = input.packet;
    const wanted = random.pick([
      testRunLimits.minPacket + random.below(Math.max(1, length - testRunLimits.minPacket)),
      length + 1 + random.below(64),
      random.pick([14, 34, 42, 54, 60, 64, 128, 1514, testRunLimits.maxLinear]),
    ]);
    return resized(input, wanted) ?? input;
  }

  private entries(input: Input, other: Input): Input {
    const { random } = this;
    const at = random.below(input.entries.length);
    const entry = input.entries[at];
    if (entry === undefined || random.chance(0.2)) return { ...input, entries: other.entries };
    const rest = input.entries.filter((_, index) => index !== at);
    if (entry.value.kind !== 'bytes' || random.chance(0.2)) return { ...input, entries: rest };
    const bytes = entry.value.bytes.slice();
    if (bytes.length > 0) {
      const place = random.below(bytes.length);
      bytes[place] = random.pick([0, 1, 0xff, random.below(256)]);
    }
    return { ...input, entries: [...rest, { ...entry, value: { kind: 'bytes', bytes } }] };
  }

  private context(input: Input): Input {
    const { random } = this;
    switch (random.below(3)) {
      case 0:
        return { ...input, ingressIfindex: random.pick([defaultIfindex, 2, random.pick(this.constants) ?? 3]) };
      case 1:
        return { ...input, rxQueueIndex: random.below(4) };
      default: {
        const metadata = Uint8Array.from({ length: 4 * random.below(9) }, () => random.below(256));
        return { ...input, metadata };
      }
    }
  }

  /** The beginning of one packet, the end of another. */
  private splice(input: Input, { packet: other }: Input): Input {
    const { packet } = input;
    const at = this.random.below(Math.min(packet.length, other.length));
    const spliced = new Uint8Array(other.length);
    spliced.set(packet.subarray(0, at));
    spliced.set(other.subarray(at), at);
    return { ...input, packet: spliced };
  }
}

/** Types of next layers, lengths and checksums follow the new stack. */
function automatic(layers: readonly Layer[]): Layer[] {
  return layers.map((layer) => {
    const header = compiledHeaders().get(layer.name);
    const fields = Object.entries(layer.fields).filter(([name]) => {
      const field = header?.fields.find((each) => each.name === name);
      return field?.spec.auto === undefined;
    });
    return { name: layer.name, fields: Object.fromEntries(fields) };
  });
}
