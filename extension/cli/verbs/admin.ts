import path from 'node:path';
import { XdpError } from '../../core/errors.ts';
import { t, translated } from '../../core/text/language.ts';
import { type AdminStatus, adminInstall, adminRemove, adminStatus } from '../../session/admin/adminInstall.ts';
import { parse, type Verb } from '../command.ts';

export const admin: Verb = {
  summary: 'let the members of a group start the helper without a password (root)',
  usage: 'admin install|remove|status [--group NAME]',
  async run(args, { output, dist }) {
    const { values, positionals } = parse(this.usage, args, { group: { type: 'string' } }, { min: 1, max: 1 });
    const options = values.group === undefined ? {} : { group: values.group };
    const status = await act(positionals[0] ?? '', options, { dist, usage: this.usage });
    output.result(status, () => describe(status, values.group ?? 'xdp'));
    return status.state === 'untrusted' ? 1 : 0;
  },
};

async function act(
  what: string,
  options: { group?: string },
  { dist, usage }: { dist: string; usage: string },
): Promise<AdminStatus> {
  switch (what) {
    case 'install':
      return await adminInstall({ dist, version: __XDP_VERSION__, execPath: process.execPath }, options);
    case 'remove':
      return adminRemove();
    case 'status':
      return adminStatus();
    default:
      throw new XdpError('usage', `xdp admin cannot ${what}.`, { fix: `Usage: xdp ${usage}` });
  }
}

function describe({ state, directory, version, problem }: AdminStatus, group: string): string {
  switch (state) {
    case 'absent':
      return t('There is no administrator’s install in {0}.', path.dirname(directory));
    case 'untrusted':
      return t('{0} is not used: {1}.', directory, translated(problem ?? ''));
    case 'installed':
      return t(
        '{0} holds version {1}. Members of its group start the helper without a password: sudo usermod -aG {2} USER',
        directory,
        version ?? '',
        group,
      );
  }
}
