#!/usr/bin/env node
/**
 * `npm run soak [-- PART…]`: in full what `npm test` does a sample of. Some minutes for each part; what they found, with date and
 * commit, goes into docs/soak.md, where parts that did not run keep what an earlier run found.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { artifacts, root } from './paths.mjs';
import { capture, runStatus } from './processes.mjs';
import { runMain, say, UserError } from './terminal.mjs';

const vitest = (/** @type {string[]} */ ...args) => ['node_modules/vitest/vitest.mjs', 'run', '--project', ...args];
const kernel = (/** @type {string} */ title) => vitest('kernel', 'test/kernel/soak.test.ts', '-t', title);
const ui = (/** @type {string} */ title) => ['test/ui/run.mjs', title];

/** Parts that count nothing: that they pass is what they find. */
const passing = ['fuzz', 'packets'];

/** @type {Record<string, { title: string, command: string[] }>} */
const parts = {
  cycles: { title: 'attach and detach', command: kernel('attach and detach again') },
  session: { title: "a developer's day", command: vitest('kernel', 'test/kernel/soakSession.test.ts') },
  replace: { title: 'replacements under traffic', command: kernel('replacements under traffic') },
  helper: { title: 'kill -9 of the helper', command: kernel('kill -9 of the helper') },
  host: { title: 'kill -9 of the extension host', command: ui('kill -9 of the extension host') },
  fuzz: {
    title: 'the fuzz tests',
    command: vitest('unit', 'Fuzz'),
  },
  corpus: { title: 'programs that others wrote', command: vitest('kernel', 'test/kernel/vmCorpus.test.ts') },
  packets: { title: 'packets against tshark and Scapy', command: vitest('unit', 'packetTshark', 'packetScapy') },
  editor: { title: 'kill -9 of the whole editor', command: ui('kill -9 of the whole editor') },
};

const report = path.join(root, 'docs/soak.md');
const minute = 60_000;

const head = `# Soak

What \`npm run soak\` found when it last ran, by part (\`npm run soak -- helper\` runs one); \`npm test\` runs a sample of each with one
seed. Every part fails when something is attached that nobody kept, when a packet is missed, or when a descriptor, map, program or
pin is left.

\`session\` is a day without its pauses: every save, edit, test run and poll of eight hours is made, and the helper's look at each
second; what goes by the clock (the traffic, at 200 packets a second) lasts as long as the run. It fails when what the helper, the client in the
extension host's place or the language server hold in V8, or what malloc has given out in the helper, grows by 12 KiB from its middle to
its end, when a poll becomes a quarter slower than a fixed piece of work beside it, and when a descriptor is left (\`XDP_SOAK_HOURS=4\`
halves it). What V8 makes for itself, machine code and what it learns for it, is counted apart (by heap snapshots, the first
of which takes 6 MiB of malloc): it grows as functions become warm, but less than 0.6 of what it grew in the first half, and with
\`--no-opt --no-sparkplug --no-lazy-feedback-allocation\` not at all. Free blocks that malloc keeps for each thread and counts as used are
switched off in the measured helper (\`glibc.malloc.tcache_count=0\`). VS Code itself is not in it: one process runs what the extension host
runs for maps, tests, edits, hot reload and debugging, and the language server is a process of its own, as in VS Code.

| part | what was done and found | took | when |
|---|---|---|---|`;

await runMain(async () => {
  const asked = process.argv.slice(2);
  for (const name of asked) {
    if (!Object.hasOwn(parts, name)) throw new UserError(`There is no part ${name}: ${Object.keys(parts).join(', ')}.`);
  }
  const failed = [];
  for (const [name, { title, command }] of Object.entries(parts)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    say(`\n${title}`);
    const results = path.join(artifacts, 'soak', `${name}.jsonl`);
    mkdirSync(path.dirname(results), { recursive: true });
    rmSync(results, { force: true });
    const startedMs = Date.now();
    const commit = (await capture('git', ['rev-parse', '--short', 'HEAD'], { cwd: root })).stdout.trim();
    const env = { ...process.env, XDP_SOAK: '1', XDP_SOAK_RESULTS: results };
    const status = await runStatus(process.execPath, command, { cwd: root, env, timeoutMs: 360 * minute });
    const seconds = Math.round((Date.now() - startedMs) / 1000);
    const outcomes = passing.includes(name) ? [{ part: name }] : readLines(results);
    if (status !== 0 || outcomes.length === 0) failed.push(name);
    else await write(name, { outcomes, seconds, commit });
  }
  if (failed.length > 0) throw new UserError(`Failed: ${failed.join(', ')}.`);
});

/** @param {string} file */
function readLines(file) {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/**
 * One line of the report; the others stay.
 * @param {string} name
 * @param {{ outcomes: Record<string, unknown>[], seconds: number, commit: string }} found
 */
async function write(name, { outcomes, seconds, commit }) {
  const kernelRelease = (await capture('uname', ['-r'])).stdout.trim();
  const date = new Date().toISOString().slice(0, 10);
  const rows = readRows();
  for (const outcome of outcomes) {
    rows.set(name, `| ${name} | ${describe(outcome)} | ${seconds} s | ${date}, ${commit}, Linux ${kernelRelease} |`);
  }
  const sorted = Object.keys(parts).flatMap((part) => rows.get(part) ?? []);
  writeFileSync(report, `${head}\n${sorted.join('\n')}\n`);
}

function readRows() {
  const lines = existsSync(report) ? readFileSync(report, 'utf8').split('\n') : [];
  return new Map(lines.flatMap((line) => [...line.matchAll(/^\| (\w+) \|/g)].map((match) => [match[1], line])));
}

/**
 * @param {Record<string, any>} outcome
 * @param {string} what
 */
function figures({ start, middle, end }, what) {
  return [start, middle, end].map((memory) => memory[what]).join(' → ');
}

/** @param {Record<string, any>} outcome */
function filesOf({ start, middle, end }) {
  const series = (/** @type {string} */ of) => [start, middle, end].map(({ files }) => files[of]).join(' → ');
  return `descriptors of the helper ${series('helper')}, the client ${series('client')}, the language server ${series('server')}`;
}

/** @param {Record<string, any>} outcome */
function describe(outcome) {
  switch (outcome.part) {
    case 'cycles':
      return `${outcome.cycles} times loaded, attached, detached and closed, every tenth one pinned. The helper's memory after a tenth, half and all of them: data in V8 ${figures(outcome, 'data')} KiB, its compiled code ${figures(outcome, 'engine')} KiB, malloc has given out ${figures(outcome, 'allocated')} KiB, resident ${figures(outcome, 'resident')} KiB; descriptors, maps and programs as before`;
    case 'session':
      return `${outcome.hours} hours of a developer who saves every minute and has a map in sight at 10 Hz, without the pauses: ${outcome.saves} saves (${outcome.attached} attached, ${outcome.replaced} replaced keeping maps, ${outcome.failed} that did not compile or were refused), ${outcome.polls} polls of the map viewer, ${outcome.edits} edits undone, ${outcome.testRuns} runs of the packet tests on both engines, ${outcome.snapshots} snapshots, ${outcome.debugged} debug sessions, ${outcome.looks} looks of the helper, ${outcome.packets} packets of traffic counted. In the second, thirteenth and last of 24 parts: the helper has data of ${figures(outcome, 'data')} KiB in V8, compiled code of ${figures(outcome, 'engine')} KiB, malloc has given out ${figures(outcome, 'allocated')} KiB, resident ${figures(outcome, 'resident')} KiB; the client has data of ${figures(outcome, 'clientData')} KiB and compiled code of ${figures(outcome, 'clientEngine')} KiB; the language server ${figures(outcome, 'serverData')} and ${figures(outcome, 'serverEngine')} KiB; ${filesOf(outcome)}; a poll takes ${figures(outcome, 'p50Ms')} ms (p50), ${figures(outcome, 'p95Ms')} ms (p95) and ${figures(outcome, 'pollsWork')} times the fixed piece of work; no program or map is left after any part`;
    case 'corpus':
      return `${outcome.compared} of ${outcome.programs} programs of Debian's sources ran ${outcome.packets} packets each in kernel, interpreter and compiled machine without a difference; the others are listed with their reason in artifacts/vm-corpus.json`;
    case 'fuzz':
      return 'the fuzz tests, with as many cases as they take in full';
    case 'packets':
      return '12,000 packets dissected by tshark, field by field; 6,000 expressions built by Scapy, byte by byte';
    case 'replace':
      return `${outcome.replacements} replacements under traffic: ${outcome.sent} packets sent, ${outcome.counted} counted`;
    case 'helper':
      return `${outcome.kills} kills at random moments (${Object.entries(outcome.during)
        .map(([what, times]) => `${what} ${times}`)
        .join(', ')}); ${outcome.kept} times a kept program stayed; nothing else was left, each next start was clean`;
    default:
      return `${outcome.kills} kills at random moments; ${outcome.kept} times a kept program stayed; nothing else was left, each next start was clean`;
  }
}
