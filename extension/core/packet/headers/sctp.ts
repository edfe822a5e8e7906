import { type FieldSpec, fieldsOf, type HeaderSpec } from './spec.ts';

const sctp = fieldsOf('RFC 9260 §3');

const chunkTypes = {
  0: 'data',
  1: 'init',
  2: 'init-ack',
  3: 'sack',
  4: 'heartbeat-req',
  5: 'heartbeat-ack',
  6: 'abort',
  7: 'shutdown',
  8: 'shutdown-ack',
  9: 'error',
  10: 'cookie-echo',
  11: 'cookie-ack',
  14: 'shutdown-complete',
};

const flagsByte = sctp.hex('flags', 8, 0, 'Flags', 'Meaning depends on the chunk.');
const tBit = [
  sctp.uint('reserved', 7, 0, 'Reserved', 'Zero.'),
  sctp.uint('TCB', 1, 0, 'T', '1: the sender has no association with this peer.'),
];

function chunk(name: string, type: number, label: string, help: string, fields: FieldSpec[]): HeaderSpec {
  return {
    name,
    label,
    rfc: 'RFC 9260 §3.3',
    help,
    role: 'transport',
    fields: [sctp.enumeration('type', 8, type, chunkTypes, 'Chunk type', 'Which chunk this is.'), ...fields],
    like: 'SCTP',
    under: [{ lower: 'SCTP', peek: type }],
  };
}

function variable(field: string, before: number, label: string, help: string): FieldSpec[] {
  return [
    sctp.uint('len', 16, before, 'Length', 'Bytes of the chunk without its padding.', {
      auto: { kind: 'fieldLength', field, plus: before },
    }),
    sctp.bytes(field, { field: 'len', unit: 1, plus: -before }, label, help, { pad: 4 }),
  ];
}

/** As `variable`, with fixed fields between the length and the bytes. */
function around(fixed: FieldSpec[], field: string, before: number, label: string, help: string): FieldSpec[] {
  const [len, bytes] = variable(field, before, label, help);
  return len === undefined || bytes === undefined ? fixed : [len, ...fixed, bytes];
}

const init = around(
  [
    sctp.hex('init_tag', 32, 0, 'Initiate tag', 'The peer puts it into every packet.'),
    sctp.uint('a_rwnd', 32, 0, 'Receiver window', 'Bytes of buffer.'),
    sctp.uint('n_out_streams', 16, 0, 'Outbound streams', 'That the sender wants.'),
    sctp.uint('n_in_streams', 16, 0, 'Inbound streams', 'That the sender accepts.'),
    sctp.hex('init_tsn', 32, 0, 'Initial TSN', 'First transmission sequence number.'),
  ],
  'params',
  20,
  'Parameters',
  'As bytes.',
);

export const sctpHeaders: readonly HeaderSpec[] = [
  {
    name: 'SCTP',
    label: 'SCTP',
    rfc: 'RFC 9260',
    help: 'Stream Control Transmission Protocol: this common header, then chunks.',
    role: 'transport',
    fields: [
      sctp.uint('sport', 16, 0, 'Source port', 'Port of the sender.'),
      sctp.uint('dport', 16, 0, 'Destination port', 'Port of the receiver.'),
      sctp.hex('tag', 32, 0, 'Verification tag', 'Proves that the sender belongs to the association.'),
      sctp.checksum('chksum', { algorithm: 'crc32c' }, 'CRC32c over header and chunks.'),
    ],
    next: { peek: true },
    under: [
      { lower: 'IP', set: { proto: 132 } },
      { lower: 'IPv6', set: { nh: 132 } },
    ],
  },
  chunk('SCTPChunkData', 0, 'DATA', 'User data.', [
    sctp.uint('reserved', 4, 0, 'Reserved', 'Zero.'),
    sctp.uint('delay_sack', 1, 0, 'I', '1: acknowledge without delay (RFC 7053).'),
    sctp.uint('unordered', 1, 0, 'U', '1: unordered.'),
    sctp.uint('beginning', 1, 0, 'B', '1: first fragment of a message.'),
    sctp.uint('ending', 1, 0, 'E', '1: last fragment of a message.'),
    ...around(
      [
        sctp.hex('tsn', 32, 0, 'TSN', 'Transmission sequence number.'),
        sctp.hex('stream_id', 16, 0, 'Stream', 'Stream identifier.'),
        sctp.hex('stream_seq', 16, 0, 'Stream sequence', 'Within the stream.'),
        sctp.uint('proto_id', 32, 0, 'Payload protocol', "The application's protocol."),
      ],
      'data',
      16,
      'Data',
      'The message.',
    ),
  ]),
  chunk('SCTPChunkInit', 1, 'INIT', 'Starts an association.', [flagsByte, ...init]),
  chunk('SCTPChunkInitAck', 2, 'INIT ACK', 'Answers INIT, with a cookie among its parameters.', [flagsByte, ...init]),
  chunk('SCTPChunkHeartbeatReq', 4, 'HEARTBEAT', 'Probes a path.', [
    flagsByte,
    ...variable('params', 4, 'Parameters', 'As bytes.'),
  ]),
  chunk('SCTPChunkHeartbeatAck', 5, 'HEARTBEAT ACK', 'Answers HEARTBEAT.', [
    flagsByte,
    ...variable('params', 4, 'Parameters', 'As bytes.'),
  ]),
  chunk('SCTPChunkAbort', 6, 'ABORT', 'Ends the association at once.', [
    ...tBit,
    ...variable('error_causes', 4, 'Error causes', 'As bytes.'),
  ]),
  chunk('SCTPChunkShutdown', 7, 'SHUTDOWN', 'Ends the association gracefully.', [
    flagsByte,
    sctp.uint('len', 16, 8, 'Length', 'Bytes of the chunk.'),
    sctp.hex('cumul_tsn_ack', 32, 0, 'Cumulative TSN', 'Last one received without gaps.'),
  ]),
  chunk('SCTPChunkShutdownAck', 8, 'SHUTDOWN ACK', 'Answers SHUTDOWN.', [
    flagsByte,
    sctp.uint('len', 16, 4, 'Length', 'Bytes of the chunk.'),
  ]),
  chunk('SCTPChunkError', 9, 'ERROR', 'Reports an error.', [
    flagsByte,
    ...variable('error_causes', 4, 'Error causes', 'As bytes.'),
  ]),
  chunk('SCTPChunkCookieEcho', 10, 'COOKIE ECHO', 'Sends the cookie of INIT ACK back.', [
    flagsByte,
    ...variable('cookie', 4, 'Cookie', 'As received.'),
  ]),
  chunk('SCTPChunkCookieAck', 11, 'COOKIE ACK', 'The association stands.', [
    flagsByte,
    sctp.uint('len', 16, 4, 'Length', 'Bytes of the chunk.'),
  ]),
  chunk('SCTPChunkShutdownComplete', 14, 'SHUTDOWN COMPLETE', 'The association is over.', [
    ...tBit,
    sctp.uint('len', 16, 4, 'Length', 'Bytes of the chunk.'),
  ]),
];
