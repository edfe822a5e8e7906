/** What we did not write: Scapy builds and tshark dissects. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Debian's Scapy belongs to Debian's Python, whatever else is first in PATH. */
const python = '/usr/bin/python3';

const program = `
import logging, sys, json
logging.getLogger("scapy").setLevel(logging.CRITICAL)
from scapy.all import *
for name in ("igmp", "geneve", "mpls", "gtp"):
    load_contrib(name)
out = []
for expression in json.load(sys.stdin):
    try:
        out.append(bytes(eval(expression)).hex())
    except Exception as error:
        out.append("error: " + repr(error))
json.dump(out, sys.stdout)
`;

/** The bytes that Scapy makes of each expression, in hexadecimal; `error: …` where it cannot. */
export function buildWithScapy(expressions: readonly string[]): string[] {
  const run = spawnSync(python, ['-c', program], {
    input: JSON.stringify(expressions),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 120_000,
  });
  if (run.status !== 0) throw new Error(`Scapy did not run (Debian package python3-scapy): ${run.stderr}`);
  const answers: unknown = JSON.parse(run.stdout.slice(run.stdout.indexOf('[')));
  if (!Array.isArray(answers)) throw new Error('Scapy answered something else than a list');
  return answers.map(String);
}

/** One row per packet, one column per field; all occurrences of a field joined by semicolons. */
export function dissectWithTshark(
  capture: Uint8Array,
  fields: readonly string[],
  preferences: readonly string[] = [],
): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'xdp-packet-'));
  try {
    const file = join(folder, 'generated.pcapng');
    writeFileSync(file, capture);
    const run = spawnSync(
      'tshark',
      [
        '-n',
        '-r',
        file,
        '-T',
        'fields',
        '-E',
        'separator=|',
        '-E',
        'aggregator=;',
        ...preferences.flatMap((preference) => ['-o', preference]),
        ...fields.flatMap((field) => ['-e', field]),
      ],
      { encoding: 'utf8', maxBuffer: 1 << 28, timeout: 120_000 },
    );
    if (run.status !== 0) throw new Error(`tshark did not run (Debian package tshark): ${run.stderr}`);
    return run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('|'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
