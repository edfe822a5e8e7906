import { XdpError } from '../../core/errors.ts';
import type { InterfaceInfo } from '../../protocol/kernel.ts';
import type { AttachmentRegistry } from '../../session/attach/registry.ts';
import type { HelperClient } from '../../session/kernelAccess.ts';
import { parse, type Verb } from '../command.ts';
import { table } from '../output.ts';

export const interfaces: Verb = {
  summary: 'list interfaces, the modes they take and what is attached',
  usage: 'interfaces [--netns NS]',
  async run(args, { output, kernel, registry }) {
    const { values } = parse(this.usage, args, { netns: { type: 'string' } }, { min: 0, max: 0 });
    const look = (client: HelperClient): Promise<{ interfaces: InterfaceInfo[] }> => client.call('interfaces/list', {});
    // Names of other people's programs need CAP_SYS_ADMIN; the interfaces themselves need nothing.
    const { interfaces: list } = await kernel.withSystem(values.netns, look).catch((error: unknown) => {
      const lacking = error instanceof XdpError && (error.code === 'privilege' || error.code === 'elevation-refused');
      if (!lacking || values.netns !== undefined) throw error;
      output.note("Without privilege the names of other users' programs are not known.");
      return kernel.withoutPrivilege(undefined, look);
    });
    const shown = await Promise.all(list.map((each) => withHolders(each, registry)));
    output.result({ interfaces: shown }, () =>
      [
        table(
          ['INTERFACE', 'DRIVER', 'STATE', 'MTU', 'NATIVE', 'GENERIC', 'OFFLOAD', 'ATTACHED'],
          shown.map((each) => [
            each.name,
            each.driver === '' ? '-' : each.driver,
            each.state,
            String(each.mtu),
            ...[each.modes.native, each.modes.generic, each.modes.offload].map(({ ok }) => (ok ? 'yes' : 'no')),
            each.attached.length === 0
              ? '-'
              : each.attached.map(({ program, mode, owner }) => `${program} (${mode}; ${owner})`).join(', '),
          ]),
        ),
        ...shown.flatMap((each) => each.warnings.map((warning) => `${each.name}: ${warning}`)),
      ].join('\n'),
    );
    return 0;
  },
};

/** `owner` in words: a pin of ours, another session of ours, or somebody else. */
async function withHolders(
  iface: InterfaceInfo,
  registry: AttachmentRegistry,
): Promise<
  Omit<InterfaceInfo, 'attached'> & { attached: { program: string; progId: number; mode: string; owner: string }[] }
> {
  const registered = await registry.find(iface.attached);
  return {
    ...iface,
    attached: iface.attached.map((each) => ({
      ...each,
      owner: registered?.key.progId === each.progId ? registered.holder : each.owner,
    })),
  };
}
