import { etherTypes } from './numbers.ts';
import { type Condition, fieldsOf, type HeaderSpec } from './spec.ts';

const geneve = fieldsOf('RFC 8926 §3.4');
const geneveOption = fieldsOf('RFC 8926 §3.5');
const gtp = fieldsOf('RFC 9433 §3; 3GPP TS 29.281 §5.1');
const session = fieldsOf('RFC 9433 §3; 3GPP TS 38.415 §5.5.2');

const withExtras: Condition = {
  any: [
    { field: 'E', in: [1] },
    { field: 'S', in: [1] },
    { field: 'PN', in: [1] },
  ],
};
const messages = {
  1: 'echo_request',
  2: 'echo_response',
  26: 'error_indication',
  31: 'supported_extension_headers_notification',
  254: 'end_marker',
  255: 'g_pdu',
};
const extensions = {
  0: 'No more extension headers',
  64: 'UDP Port',
  133: 'PDU Session Container',
  192: 'PDCP PDU Number',
};
const downlink: Condition = { field: 'type', in: [0] };
const uplink: Condition = { field: 'type', notIn: [0] };
const both = (...all: Condition[]): Condition => ({ all });
const set = (field: string): Condition => ({ field, in: [1] });

export const overlayHeaders: readonly HeaderSpec[] = [
  {
    name: 'GENEVE',
    label: 'GENEVE',
    rfc: 'RFC 8926',
    help: 'Generic Network Virtualization Encapsulation: any EtherType over UDP, with options.',
    role: 'tunnel',
    fields: [
      geneve.uint('version', 2, 0, 'Version', 'Zero.'),
      geneve.uint('optionlen', 6, 0, 'Options length', 'In units of 4 bytes.', {
        auto: { kind: 'headerLength', unit: 4, minus: 8 },
      }),
      geneve.uint('oam', 1, 0, 'O', '1: a control packet.'),
      geneve.uint('critical', 1, 0, 'C', '1: one of the options is critical.'),
      geneve.uint('reserved', 6, 0, 'Reserved', 'Zero.'),
      geneve.enumeration('proto', 16, 0, etherTypes, 'Protocol', 'EtherType of what follows.', {
        base: 16,
        auto: { kind: 'next' },
      }),
      geneve.hex('vni', 24, 0, 'Network identifier', 'Which virtual network (VNI).'),
      geneve.hex('reserved2', 8, 0, 'Reserved', 'Zero.'),
      geneve.packets('options', 'header', 'Options', 'Class, type, length, data.', { family: 'geneve' }),
    ],
    headerLength: { field: 'optionlen', unit: 4, plus: 8 },
    next: { fields: ['proto'] },
    under: [{ lower: 'UDP', set: { dport: 6081 }, match: { dport: 6081 } }],
  },
  {
    name: 'GTP_U_Header',
    label: 'GTP-U',
    rfc: 'RFC 9433 §3; 3GPP TS 29.281',
    help: "GPRS Tunnelling Protocol, user plane: a mobile network's tunnel for IP over UDP.",
    role: 'tunnel',
    fields: [
      gtp.uint('version', 3, 1, 'Version', 'One.'),
      gtp.uint('PT', 1, 1, 'Protocol type', "1: GTP, 0: GTP'."),
      gtp.uint('reserved', 1, 0, 'Reserved', 'Zero.'),
      gtp.uint('E', 1, 0, 'E', '1: extension headers follow.'),
      gtp.uint('S', 1, 0, 'S', '1: the sequence number counts.'),
      gtp.uint('PN', 1, 0, 'PN', '1: the N-PDU number counts.'),
      gtp.enumeration('gtp_type', 8, 0, messages, 'Message type', '255: user data.', { auto: { kind: 'next' } }),
      gtp.uint('length', 16, 0, 'Length', 'Bytes after the first 8.', {
        auto: { kind: 'length', of: 'message', minus: 8 },
      }),
      gtp.uint('teid', 32, 0, 'Tunnel endpoint', 'Identifies the tunnel at the receiver.'),
      gtp.hex('seq', 16, 0, 'Sequence number', 'Of this packet.', { when: withExtras }),
      gtp.uint('npdu', 8, 0, 'N-PDU number', 'Used in handovers.', { when: withExtras }),
      gtp.enumeration('next_ex', 8, 0, extensions, 'Next extension', 'Type of the extension header that follows.', {
        when: withExtras,
        auto: { kind: 'next' },
      }),
    ],
    extent: { field: 'length', of: 'message', plus: 8 },
    next: { fields: ['next_ex', 'gtp_type'] },
    under: [
      { lower: 'UDP', set: { sport: 2152, dport: 2152 }, match: { dport: 2152 } },
      { lower: 'UDP', match: { sport: 2152 } },
    ],
  },
  {
    name: 'GTPPDUSessionContainer',
    label: 'GTP-U: PDU session container',
    rfc: 'RFC 9433 §3; 3GPP TS 38.415 §5.5.2',
    help: 'Extension header of 5G: the quality of service of the packet.',
    role: 'tunnel',
    fields: [
      session.uint('ExtHdrLen', 8, 0, 'Length', 'Of this header in units of 4 bytes.', {
        auto: { kind: 'headerLength', unit: 4 },
      }),
      session.enumeration(
        'type',
        4,
        0,
        { 0: 'DL PDU SESSION INFORMATION', 1: 'UL PDU SESSION INFORMATION' },
        'PDU type',
        '0: downlink, 1: uplink.',
      ),
      session.uint('QMP', 1, 0, 'QMP', '1: time stamps are present.'),
      session.uint('dlDelayInd', 1, 0, 'DL delay', '1: a downlink delay is present.', { when: uplink }),
      session.uint('ulDelayInd', 1, 0, 'UL delay', '1: an uplink delay is present.', { when: uplink }),
      session.uint('SNP', 1, 0, 'SNP', '1: a sequence number is present.'),
      session.uint('N3N9DelayInd', 1, 0, 'N3/N9 delay', '1: such a delay is present.', { when: uplink }),
      session.hex('spareUl1', 1, 0, 'Spare', 'Zero.', { when: uplink }),
      session.hex('spareDl1', 2, 0, 'Spare', 'Zero.', { when: downlink }),
      session.uint('PPP', 1, 0, 'PPP', '1: a paging policy is present.', { when: downlink }),
      session.uint('RQI', 1, 0, 'RQI', '1: reflective quality of service.', { when: downlink }),
      session.uint('QFI', 6, 0, 'QoS flow', 'Identifier of the quality-of-service flow.'),
      session.hex('PPI', 3, 0, 'Paging policy', 'Paging policy indicator.', { when: both(downlink, set('PPP')) }),
      session.hex('spareDl2', 5, 0, 'Spare', 'Zero.', { when: both(downlink, set('PPP')) }),
      session.hex('dlSendTime', 64, 0, 'Sent', 'Time stamp.', { when: both(downlink, set('QMP')) }),
      session.hex('dlQFISeqNum', 24, 0, 'Sequence', 'Of the flow, downlink.', { when: both(downlink, set('SNP')) }),
      session.hex('dlSendTimeRpt', 64, 0, 'Sent (repeated)', 'Time stamp.', { when: both(uplink, set('QMP')) }),
      session.hex('dlRecvTime', 64, 0, 'Received', 'Time stamp.', { when: both(uplink, set('QMP')) }),
      session.hex('ulSendTime', 64, 0, 'Sent', 'Time stamp.', { when: both(uplink, set('QMP')) }),
      session.hex('dlDelayRslt', 32, 0, 'Downlink delay', 'In milliseconds.', {
        when: both(uplink, set('dlDelayInd')),
      }),
      session.hex('ulDelayRslt', 32, 0, 'Uplink delay', 'In milliseconds.', { when: both(uplink, set('ulDelayInd')) }),
      session.hex('UlQFISeqNum', 24, 0, 'Sequence', 'Of the flow, uplink.', { when: both(uplink, set('SNP')) }),
      session.hex('N3N9DelayRslt', 32, 0, 'N3/N9 delay', 'In milliseconds.', {
        when: both(uplink, set('N3N9DelayInd')),
      }),
      session.enumeration('NextExtHdr', 8, 0, extensions, 'Next extension', 'Zero: the payload follows.'),
      session.bytes('padding', 'header', 'Padding', 'Up to a multiple of 4 bytes.', {
        pad: 4,
        padFrom: 'header',
      }),
    ],
    headerLength: { field: 'ExtHdrLen', unit: 4 },
    next: { fields: ['NextExtHdr'] },
    under: [{ lower: 'GTP_U_Header', set: { gtp_type: 255, E: 1, next_ex: 0x85 }, match: { next_ex: 0x85, E: 1 } }],
  },
];

export const geneveOptions: readonly HeaderSpec[] = [
  {
    name: 'GeneveOptions',
    label: 'GENEVE option',
    rfc: 'RFC 8926 §3.5',
    help: 'Any option.',
    role: 'option',
    fields: [
      geneveOption.hex('classid', 16, 0, 'Class', 'Who defined the type.'),
      geneveOption.hex('type', 8, 0, 'Type', 'The highest bit: critical.'),
      geneveOption.uint('reserved', 3, 0, 'Reserved', 'Zero.'),
      geneveOption.uint('length', 5, 0, 'Length', 'Of the data in units of 4 bytes.', {
        auto: { kind: 'fieldLength', field: 'data', unit: 4 },
      }),
      geneveOption.bytes('data', { field: 'length', unit: 4 }, 'Data', 'A multiple of 4 bytes.'),
    ],
    option: { family: 'geneve' },
  },
];
