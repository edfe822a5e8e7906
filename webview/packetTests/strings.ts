import { inLanguage } from '../common/language.ts';

/** What the editor of packet tests says. In English; what it is in other languages stands in extension/host/l10n. */
export const strings = inLanguage({
  tests: 'Tests',
  addTest: 'Add test',
  newTest: 'new test',
  runTests: 'Run tests',
  runTestsTitle: 'Save, and run the tests of this file',
  asText: 'Open as text',
  asTextTitle: 'Show this test in the text editor',
  noTests: 'There is no test yet. Add one, or paste packets and add them as tests.',
  name: 'Name',
  action: 'Expected action',
  actionOther: 'none',
  duplicate: 'Duplicate “{name}”',
  remove: 'Remove “{name}”',
  up: 'Move “{name}” up',
  down: 'Move “{name}” down',
  packets: 'Packets of the sequence',
  packet: 'Packet {number}',
  unnamed: 'without a name',
  fromCapture: 'This packet is number {index} of {file}. Editing it here would not change the capture.',
  ownPacket: 'Start from a packet of its own',
  unreadable: 'The packet cannot be read: {message}',
  damaged: 'The file cannot be shown here. {problem}',
  testOf: '{name} {number}',
  noPackets: 'This test has no packet.',
});
