import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ProbeReport } from '../support/kernelProbe.ts';
import { type Probe, runProbe, type TestUser, testUser } from '../support/kernelUser.ts';
import { type Polkit, startPolkit, withAgent } from '../support/polkit.ts';

/** pkexec with a real polkit, as a user who is not root. */
let user: TestUser;
let polkit: Polkit | undefined;
let probe: Probe | undefined;

beforeAll(() => {
  user = testUser('p');
});
afterEach(async () => {
  await probe?.end();
  await polkit?.stop();
  [probe, polkit] = [undefined, undefined];
});
afterAll(() => user.remove());

async function start(answer: 'yes' | 'ask', passwords?: readonly string[]): Promise<ProbeReport> {
  polkit = await startPolkit(user, answer);
  const agent = passwords === undefined ? [] : withAgent(passwords);
  probe = await runProbe({ elevation: 'pkexec' }, [...polkit.enter, ...user.become, ...agent]);
  return probe.report;
}
const ours = () => ({ uid: user.uid, capabilities: ['CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_BPF'] });

test('where a rule of the administrator allows it, the helper starts with its capabilities and no question', async () => {
  expect(await start('yes')).toMatchObject({ hello: ours() });
});

test('the agent asks for the password, and the helper starts', async () => {
  expect(await start('ask', [user.password])).toMatchObject({ hello: ours() });
});

test('a wrong password is a refusal', async () => {
  const { hello, error } = await start('ask', ['certainly wrong']);
  expect(hello).toBeUndefined();
  expect(error).toMatchObject({ code: 'elevation-refused' });
});

test('without an agent that could ask, that is said', async () => {
  const { hello, error } = await start('ask');
  expect(hello).toBeUndefined();
  expect(error).toMatchObject({ message: expect.stringMatching(/agent/) });
});
