/**
 * The pictures of the documents: which browser test makes each, and where it leaves it under artifacts/.
 * @type {readonly { picture: string, test: string, from: string }[]}
 */
export const pictures = [
  { picture: 'attach-dark.gif', test: 'mainJob', from: 'films/attach.gif' },
  { picture: 'packet-light.png', test: 'mainJob', from: 'screenshots/8-run-packet-light.png' },
  { picture: 'builder-light.png', test: 'packetBuilder', from: 'screenshots/builder-3-picture-light.png' },
  { picture: 'story-dark.png', test: 'verdictStory', from: 'screenshots/story-1-dark.png' },
  { picture: 'verifier-dark.png', test: 'verifierView', from: 'screenshots/verifier-2-origin.png' },
  { picture: 'debug-dark.png', test: 'debugger', from: 'screenshots/debug-1-stopped-dark.png' },
];
