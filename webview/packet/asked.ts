import { packetInvalid } from '../../extension/core/packet/fail.ts';
import type { Layer } from '../../extension/core/packet/model.ts';
import { mutate, type Mutation } from '../../extension/core/packet/mutate.ts';
import { makePayload } from '../../extension/core/packet/payload.ts';
import type { Draft } from './draft.ts';
import { strings } from './strings.ts';

/** A change to the packet that needs numbers first, or a file that was chosen. */
export type Asked =
  | { kind: 'mutation'; mutation: Mutation }
  | { kind: 'payload'; recipe: string }
  | { kind: 'file'; bytes: Uint8Array };

export interface Question {
  title: string;
  inputs: { name: string; label: string; value: string }[];
}

export function questionOf(asked: Asked): Question {
  switch (asked.kind) {
    case 'mutation': {
      const { label, help, asks } = asked.mutation;
      const labels = { byte: strings.askByte, bit: strings.askBit, size: strings.askSize, none: '' };
      const values = { byte: '20', bit: '0', size: '1514', none: '' };
      return { title: `${label}. ${help}`, inputs: [{ name: 'at', label: labels[asks], value: values[asks] }] };
    }
    case 'payload':
      return {
        title: { counter: strings.payloadCounter, random: strings.payloadRandom }[asked.recipe] ?? strings.payloadZeros,
        inputs: [
          { name: 'length', label: strings.askSize, value: '64' },
          ...(asked.recipe === 'random' ? [{ name: 'seed', label: strings.askSeed, value: '1' }] : []),
        ],
      };
    case 'file':
      return { title: '', inputs: [] };
  }
}

/** The packets that the answer makes. Throws XdpError('packet-invalid'). */
export function makeAsked(
  asked: Asked,
  inputs: Readonly<Record<string, string>>,
  { layers }: Draft,
): readonly (readonly Layer[])[] {
  switch (asked.kind) {
    case 'mutation':
      return mutate(asked.mutation.id, layers, numberOf(inputs, 'at'));
    case 'payload': {
      const length = numberOf(inputs, 'length');
      if (asked.recipe === 'random') {
        return [withPayload(layers, makePayload({ kind: 'random', length, seed: numberOf(inputs, 'seed') }))];
      }
      const counter = asked.recipe === 'counter';
      return [
        withPayload(layers, makePayload(counter ? { kind: 'counter', length } : { kind: 'fill', length, byte: 0 })),
      ];
    }
    case 'file':
      return [withPayload(layers, asked.bytes)];
  }
}

function numberOf(inputs: Readonly<Record<string, string>>, name: string): number {
  const text = (inputs[name] ?? '').trim();
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) throw packetInvalid(`"${text}" is not a whole number.`);
  return Number(text);
}

/** In the place of the payload there is, else behind the last header. */
export function withPayload(layers: readonly Layer[], load: Uint8Array): Layer[] {
  const at = layers.findLastIndex(({ name }) => name === 'Raw');
  const raw: Layer = { name: 'Raw', fields: { load } };
  if (at >= 0) return layers.map((layer, index) => (index === at ? raw : layer));
  const end = layers.findLastIndex(({ name }) => name !== 'Padding') + 1;
  return [...layers.slice(0, end), raw, ...layers.slice(end)];
}
