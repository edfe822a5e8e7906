import { t } from '../../core/text/language.ts';
import path from 'node:path';
import { XdpError } from '../../core/errors.ts';
import { type LabStatus, labDown, labStatus, labUp } from '../../session/lab/lab.ts';
import { labPlan, labTopologies } from '../../session/lab/plan.ts';
import { parseMix } from '../../session/lab/trafficMix.ts';
import { trafficLimits } from '../../protocol/labTraffic.ts';
import { oneOf, parse, type Verb, wholeNumber } from '../command.ts';

interface Options {
  topology: string | undefined;
  traffic: string | undefined;
  rate: string | undefined;
}

export const lab: Verb = {
  summary: 'make or remove a throwaway lab: veth pairs with a traffic source',
  usage: 'lab up|down|status [--topology pair|router] [--traffic KIND[=WEIGHT],…] [--rate PACKETS-PER-SECOND]',
  async run(args, { output, dist }) {
    const { values, positionals } = parse(
      this.usage,
      args,
      { topology: { type: 'string' }, traffic: { type: 'string' }, rate: { type: 'string' } },
      { min: 1, max: 1 },
    );
    const { topology, traffic, rate } = values;
    const status = await act(positionals[0] ?? '', { topology, traffic, rate }, { dist, usage: this.usage });
    output.result(status, () => describe(status));
    for (const warning of status.warnings) output.note(warning);
    return 0;
  },
};

function act(what: string, options: Options, { dist, usage }: { dist: string; usage: string }): Promise<LabStatus> {
  const { topology, traffic, rate } = options;
  if (what !== 'up' && Object.values(options).some((value) => value !== undefined)) {
    throw new XdpError('usage', `Topology and traffic are chosen with lab up, not with lab ${what}.`, {
      fix: `Usage: xdp ${usage}`,
    });
  }
  switch (what) {
    case 'up':
      return labUp({
        trafficScript: path.join(dist, 'lab-traffic.mjs'),
        plan: labPlan(topology === undefined ? 'pair' : oneOf('--topology', topology, labTopologies)),
        ...(traffic === undefined ? {} : { mix: parseMix(traffic) }),
        ...(rate === undefined
          ? {}
          : { packetsPerSecond: wholeNumber('--rate', rate, { min: 0, max: trafficLimits.maxPacketsPerSecond }) }),
      });
    case 'down':
      return labDown();
    case 'status':
      return labStatus();
    default:
      throw new XdpError('usage', `xdp lab cannot ${what}.`, { fix: `Usage: xdp ${usage}` });
  }
}

function describe({ name, state, interfaces, namespaces, attach, traffic }: LabStatus): string {
  switch (state) {
    case 'down':
      return t('The lab is down.');
    case 'broken':
      return t(
        'The lab is broken: something of it was removed. `xdp lab up` makes it whole, `xdp lab down` removes the rest.',
      );
    case 'up': {
      const where = attach?.netns === undefined ? '' : ` --netns ${attach.netns}`;
      const flow = traffic.running
        ? t('{0} packets a second of {1}', traffic.packetsPerSecond, traffic.mix ?? '')
        : t('no traffic');
      return [
        t(
          'Lab {0} is up: interfaces {1}; namespaces {2}; {3}.',
          name,
          interfaces.join(', '),
          namespaces.join(', '),
          flow,
        ),
        t('Attach with: xdp attach FILE --iface {0}{1}', attach?.iface ?? '', where),
      ].join('\n');
    }
  }
}
