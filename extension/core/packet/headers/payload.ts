import { fieldsOf, type HeaderSpec } from './spec.ts';

const { bytes } = fieldsOf('');

export const payloads: readonly HeaderSpec[] = [
  {
    name: 'Raw',
    label: 'Payload',
    rfc: '',
    help: 'Bytes that no header describes.',
    role: 'payload',
    fields: [bytes('load', 'rest', 'Bytes', 'The payload.')],
  },
  {
    name: 'Padding',
    label: 'Padding',
    rfc: 'IEEE 802.3 §4.2.8',
    help: 'Bytes after the end of the packet that its lengths do not count, such as the filler of short Ethernet frames.',
    role: 'payload',
    fields: [bytes('load', 'rest', 'Bytes', 'The padding.')],
  },
];
