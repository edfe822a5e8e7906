/** The simulated host of the verifier view: real logs of Linux 6.18, explained as the extension host does. */
import { explainLog } from '../../extension/core/verifier/explain.ts';
import endlessLoop from '../fixtures/verifier/endlessLoop.log';
import packetBounds from '../fixtures/verifier/packetBounds.log';
import firewall from '../fixtures/verifier/steps/firewall.log';
import rateLimiter from '../fixtures/verifier/steps/rateLimiter.log';
import subprograms from '../fixtures/verifier/subprograms.log';
import unreleased from '../fixtures/verifier/unreleased.log';

const logs = {
  verifierAccepted: firewall,
  verifierStack: rateLimiter,
  verifierRejected: packetBounds,
  verifierUnreleased: unreleased,
  verifierCalls: subprograms,
  verifierLoop: endlessLoop,
  verifierHeadless: firewall.slice(firewall.indexOf('\n30: (') + 1),
  verifierEmpty:
    'func#0 @0\nunreachable insn 1\nprocessed 0 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n',
};

/** A path of 100,000 steps: one loop, as the verifier walks over it. */
function long() {
  const lines = ['0: R1=ctx() R10=fp0', '; int i = 0; @ loop.bpf.c:7', '0: (b7) r1 = 0                        ; R1=0'];
  for (let round = 1; round <= 50_000; round++) {
    lines.push('; for (i = 0; i < 50000; i++) @ loop.bpf.c:8');
    lines.push(`1: (07) r1 += 1                       ; R1=${round}`);
    lines.push(`2: (55) if r1 != 0xc350 goto pc-2     ; R1=${round}`);
  }
  lines.push(
    '3: (95) exit',
    'processed 100002 insns (limit 1000000) max_states_per_insn 0 total_states 9 peak_states 9 mark_read 0',
  );
  return lines.join('\n');
}

export function installVerifierHost(scene, post) {
  const log = scene === 'verifierLong' ? long() : logs[scene];
  const send = () => {
    if (scene === 'verifierBusy') return post({ kind: 'busy', program: 'xdp_firewall' });
    if (scene === 'verifierFailed')
      return post({
        kind: 'failed',
        message: 'Loading needs CAP_BPF.',
        fix: 'Run the command again and let the helper start.',
      });
    const [explained] = explainLog(log);
    const failure = explained?.failure;
    const programs = scene === 'verifierAccepted' ? ['xdp_firewall', 'xdp_other'] : ['xdp_firewall'];
    return post({
      kind: 'walk',
      title: 'xdp_firewall.bpf.c',
      programs,
      selected: 0,
      verdict: failure === undefined ? 'accepted' : 'rejected',
      log,
      leftOut: 0,
      ...(failure === undefined
        ? {}
        : {
            failure: {
              ...failure,
              file: failure.place?.file ?? null,
              line: failure.place?.line ?? null,
              story: failure.story.map(({ place, text }) => ({ ...place, text })),
            },
          }),
    });
  };
  window.harnessPost = post;
  return { ready: send, receive: (message) => message.kind === 'again' && send() };
}
