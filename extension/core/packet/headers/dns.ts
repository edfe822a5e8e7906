import { type FieldSpec, fieldsOf, type HeaderSpec } from './spec.ts';

const dns = fieldsOf('RFC 1035 §4.1.1');
const security = fieldsOf('RFC 4035 §3');
const question = fieldsOf('RFC 1035 §4.1.2');
const record = fieldsOf('RFC 1035 §4.1.3');
const data = fieldsOf('RFC 1035 §3.3');
const service = fieldsOf('RFC 2782');
const edns = fieldsOf('RFC 6891 §6.1');

/** As Scapy has them, with the question types that are no records. */
const types = {
  1: 'A',
  2: 'NS',
  3: 'MD',
  4: 'MF',
  5: 'CNAME',
  6: 'SOA',
  10: 'NULL',
  12: 'PTR',
  13: 'HINFO',
  15: 'MX',
  16: 'TXT',
  17: 'RP',
  28: 'AAAA',
  29: 'LOC',
  33: 'SRV',
  35: 'NAPTR',
  37: 'CERT',
  39: 'DNAME',
  41: 'OPT',
  43: 'DS',
  44: 'SSHFP',
  46: 'RRSIG',
  47: 'NSEC',
  48: 'DNSKEY',
  50: 'NSEC3',
  52: 'TLSA',
  64: 'SVCB',
  65: 'HTTPS',
  250: 'TSIG',
  251: 'IXFR',
  252: 'AXFR',
  255: 'ALL',
  257: 'CAA',
};
const classes = { 1: 'IN', 2: 'CS', 3: 'CH', 4: 'HS', 255: 'ANY' };
const rcodes = {
  0: 'ok',
  1: 'format-error',
  2: 'server-failure',
  3: 'name-error',
  4: 'not-implemented',
  5: 'refused',
};

function count(name: string, of: string, label: string): FieldSpec {
  return dns.uint(name, 16, 0, label, 'How many there are in that section.', { auto: { kind: 'count', field: of } });
}

function records(name: string, counted: string, label: string, help: string): FieldSpec {
  return dns.packets(name, { count: counted }, label, help, { family: 'dnsRecord' });
}

export const dnsHeaders: readonly HeaderSpec[] = [
  {
    name: 'DNS',
    label: 'DNS',
    rfc: 'RFC 1035 §4',
    help: 'Domain Name System: a question, or its answer.',
    role: 'application',
    fields: [
      fieldsOf('RFC 1035 §4.2.2').uint('length', 16, 0, 'Length', 'Over TCP: bytes of the message that follows.', {
        above: 'TCP',
        auto: { kind: 'tail', after: 'length' },
      }),
      dns.uint('id', 16, 0, 'Identifier', 'The answer repeats that of the question.'),
      dns.uint('qr', 1, 0, 'QR', '0: question, 1: answer.'),
      dns.enumeration('opcode', 4, 0, { 0: 'QUERY', 1: 'IQUERY', 2: 'STATUS' }, 'Opcode', 'Kind of question.'),
      dns.uint('aa', 1, 0, 'AA', '1: the answer is authoritative.'),
      dns.uint('tc', 1, 0, 'TC', '1: the message was truncated.'),
      dns.uint('rd', 1, 1, 'RD', '1: recursion is desired.'),
      dns.uint('ra', 1, 0, 'RA', '1: recursion is available.'),
      dns.uint('z', 1, 0, 'Z', 'Zero.'),
      security.uint('ad', 1, 0, 'AD', '1: the data is authentic.'),
      security.uint('cd', 1, 0, 'CD', '1: checking is disabled.'),
      dns.enumeration('rcode', 4, 0, rcodes, 'Response code', 'How it went.'),
      count('qdcount', 'qd', 'Questions'),
      count('ancount', 'an', 'Answers'),
      count('nscount', 'ns', 'Authority records'),
      count('arcount', 'ar', 'Additional records'),
      dns.packets('qd', { count: 'qdcount' }, 'Questions', 'What is asked.', {
        family: 'dnsQuestion',
        default: [{ name: 'DNSQR', fields: {} }],
      }),
      records('an', 'ancount', 'Answers', 'Records that answer the question.'),
      records('ns', 'nscount', 'Authority', 'Records that point to a name server in charge.'),
      records('ar', 'arcount', 'Additional', 'Other records; also the options of EDNS.'),
    ],
    under: [
      { lower: 'UDP', set: { sport: 53 }, match: { dport: 53 } },
      { lower: 'UDP', match: { sport: 53 } },
      { lower: 'UDP', match: { dport: 5353 } },
      { lower: 'UDP', match: { sport: 5353 } },
      { lower: 'TCP', set: { sport: 53 }, match: { dport: 53 } },
      { lower: 'TCP', match: { sport: 53 } },
    ],
  },
];

function option(
  family: 'dnsQuestion' | 'dnsRecord' | 'edns0',
  type: number | undefined,
  spec: Pick<HeaderSpec, 'name' | 'label' | 'rfc' | 'help' | 'fields'>,
): HeaderSpec {
  return { ...spec, role: 'option', option: type === undefined ? { family } : { family, type } };
}

const dataLength = record.uint('rdlen', 16, 0, 'Length', 'Bytes of the data.', {
  auto: { kind: 'tail', after: 'rdlen' },
});

/** Name, type, class, time to live and length, then what is the record's own. */
function fixedRecord(
  name: string,
  type: { default: number; seen: number },
  label: string,
  rfc: string,
  help: string,
  fields: FieldSpec[],
): HeaderSpec {
  return option('dnsRecord', type.seen, {
    name,
    label,
    rfc,
    help,
    fields: [
      record.dnsName('rrname', '.', 'Name', 'Whom the record is about.'),
      record.enumeration('type', 16, type.default, types, 'Type', 'Which record this is.'),
      record.enumeration('rclass', 16, 1, classes, 'Class', '1: Internet.'),
      record.uint('ttl', 32, 0, 'Time to live', 'Seconds that it may be kept.'),
      dataLength,
      ...fields,
    ],
  });
}

/** The data of a record by its type. Of those with names in it, Scapy knows these. */
const nameTypes = [2, 3, 4, 5, 12];
const recordData: FieldSpec[] = [
  data.address('rdata', 0, '0.0.0.0', 'Address', 'IPv4 address.', {
    size: { field: 'rdlen', unit: 1 },
    when: { field: 'type', in: [1] },
  }),
  data.address('rdata', 0, '::', 'Address', 'IPv6 address (RFC 3596).', {
    size: { field: 'rdlen', unit: 1 },
    when: { field: 'type', in: [28] },
  }),
  data.dnsName('rdata', '.', 'Name', 'The name that it points to.', {
    size: { field: 'rdlen', unit: 1 },
    when: { field: 'type', in: nameTypes },
  }),
  data.texts('rdata', { field: 'rdlen', unit: 1 }, 'Text', 'One or more texts.', { when: { field: 'type', in: [16] } }),
  data.bytes('rdata', { field: 'rdlen', unit: 1 }, 'Data', 'As bytes.', {
    when: { field: 'type', notIn: [1, 28, 16, ...nameTypes] },
  }),
];

export const dnsRecords: readonly HeaderSpec[] = [
  option('dnsQuestion', undefined, {
    name: 'DNSQR',
    label: 'Question',
    rfc: 'RFC 1035 §4.1.2',
    help: 'A name and the type of record that is wanted.',
    fields: [
      question.dnsName('qname', 'www.example.com', 'Name', 'Whom the question is about.'),
      question.enumeration('qtype', 16, 1, types, 'Type', 'Which record is wanted.'),
      question.enumeration('qclass', 16, 1, classes, 'Class', '1: Internet.'),
    ],
  }),
  option('dnsRecord', undefined, {
    name: 'DNSRR',
    label: 'Record',
    rfc: 'RFC 1035 §4.1.3',
    help: 'A resource record of any type.',
    fields: [
      record.dnsName('rrname', '.', 'Name', 'Whom the record is about.'),
      record.enumeration('type', 16, 1, types, 'Type', 'Which record this is.'),
      record.enumeration('rclass', 16, 1, classes, 'Class', '1: Internet.'),
      record.uint('ttl', 32, 0, 'Time to live', 'Seconds that it may be kept.'),
      record.uint('rdlen', 16, 0, 'Length', 'Bytes of the data.', { auto: { kind: 'fieldLength', field: 'rdata' } }),
      ...recordData,
    ],
  }),
  // Scapy 2.5 gives it the type of SOA by default; a mail exchange is 15.
  fixedRecord('DNSRRMX', { default: 6, seen: 15 }, 'Mail exchange', 'RFC 1035 §3.3.9', 'Give type="MX" with it.', [
    data.uint('preference', 16, 0, 'Preference', 'The lowest is tried first.'),
    data.dnsName('exchange', '.', 'Exchange', 'The host that takes mail.'),
  ]),
  fixedRecord('DNSRRSOA', { default: 6, seen: 6 }, 'Start of authority', 'RFC 1035 §3.3.13', 'Of a zone.', [
    data.dnsName('mname', '.', 'Primary server', 'Where the zone comes from.'),
    data.dnsName('rname', '.', 'Mailbox', 'Of the person in charge.'),
    data.uint('serial', 32, 0, 'Serial', 'Version of the zone.'),
    data.uint('refresh', 32, 0, 'Refresh', 'In seconds.'),
    data.uint('retry', 32, 0, 'Retry', 'In seconds.'),
    data.uint('expire', 32, 0, 'Expire', 'In seconds.'),
    data.uint('minimum', 32, 0, 'Minimum', 'In seconds.'),
  ]),
  fixedRecord('DNSRRSRV', { default: 33, seen: 33 }, 'Service', 'RFC 2782', 'Where a service is.', [
    service.uint('priority', 16, 0, 'Priority', 'The lowest is tried first.'),
    service.uint('weight', 16, 0, 'Weight', 'Share among those of one priority.'),
    service.uint('port', 16, 0, 'Port', 'Of the service.'),
    service.dnsName('target', '.', 'Target', 'The host.'),
  ]),
  option('dnsRecord', 41, {
    name: 'DNSRROPT',
    label: 'EDNS options',
    rfc: 'RFC 6891',
    help: 'Extends DNS: larger messages, more codes, options.',
    fields: [
      edns.dnsName('rrname', '.', 'Name', 'The root.'),
      edns.enumeration('type', 16, 41, types, 'Type', 'Always 41.'),
      edns.uint('rclass', 16, 4096, 'Message size', 'Bytes that the sender takes over UDP.'),
      edns.uint('extrcode', 8, 0, 'Extended code', 'Upper bits of the response code.'),
      edns.uint('version', 8, 0, 'Version', 'Zero.'),
      edns.hex('z', 16, 32768, 'Flags', '0x8000: the sender wants DNSSEC records.'),
      edns.uint('rdlen', 16, 0, 'Length', 'Bytes of the options.', { auto: { kind: 'tail', after: 'rdlen' } }),
      edns.packets('rdata', { field: 'rdlen', unit: 1 }, 'Options', 'Code, length, data.', { family: 'edns0' }),
    ],
  }),
  option('edns0', undefined, {
    name: 'EDNS0TLV',
    label: 'EDNS option',
    rfc: 'RFC 6891 §6.1.2',
    help: 'Any option.',
    fields: [
      edns.enumeration('optcode', 16, 0, { 3: 'NSID', 8: 'edns-client-subnet' }, 'Code', 'Which option.'),
      edns.uint('optlen', 16, 0, 'Length', 'Bytes of the data.', { auto: { kind: 'fieldLength', field: 'optdata' } }),
      edns.bytes('optdata', { field: 'optlen', unit: 1 }, 'Data', 'Of the option.'),
    ],
  }),
];
