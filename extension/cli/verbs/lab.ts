import { XdpError } from '../../core/errors.ts';
import { labDown, labStatus, labUp } from '../../session/lab/lab.ts';
import { parse, type Verb } from '../command.ts';

export const lab: Verb = {
  summary: 'make or remove a throwaway veth pair with a traffic source',
  usage: 'lab up|down|status',
  async run(args, { output }) {
    const { positionals } = parse(this.usage, args, {}, { min: 1, max: 1 });
    const status = await act(positionals[0] ?? '', this.usage);
    output.result(status, () =>
      status.state === 'down'
        ? 'The lab is down.'
        : status.state === 'broken'
          ? 'The lab is broken: something of it was removed. `xdp lab up` makes it whole, `xdp lab down` removes the rest.'
          : `Lab ${status.name} is up: interfaces ${status.interfaces.join(', ')}; namespaces ${status.namespaces.join(', ')}.`,
    );
    return 0;
  },
};

function act(what: string, usage: string): ReturnType<typeof labStatus> {
  switch (what) {
    case 'up':
      return labUp();
    case 'down':
      return labDown();
    case 'status':
      return labStatus();
    default:
      throw new XdpError('usage', `xdp lab cannot ${what}.`, { fix: `Usage: xdp ${usage}` });
  }
}
