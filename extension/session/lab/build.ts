import type { Ip } from './ip.ts';
import { withPassProgram } from './passProgram.ts';
import type { LabEnd, LabPlan } from './plan.ts';
import { execute, requireTool } from './privileged.ts';

/** The veth pairs between namespaces that exist already. */
export async function makeLinks(ip: Ip, plan: LabPlan): Promise<void> {
  for (const [end, other] of plan.links) {
    const there = other.namespace === undefined ? '' : ` netns ${other.namespace}`;
    const peer = `peer name ${other.interface} address ${other.mac}${there}`;
    await ip.batch([`link add name ${end.interface} address ${end.mac} type veth ${peer}`], end.namespace);
  }
}

/** Addresses, routes, forwarding, and XDP_PASS on every second end. Answers with what could not be had. */
export async function configure(ip: Ip, plan: LabPlan): Promise<string[]> {
  for (const namespace of plan.namespaces) await ip.batch(['link set lo up'], namespace);
  for (const [end, other] of plan.links) {
    await ip.batch(configureEnd(end, other), end.namespace);
    await ip.batch(configureEnd(other, end), other.namespace);
  }
  if (plan.router !== undefined) await route(ip, plan, plan.router);
  return await passOnPeers(ip, plan);
}

/** Neighbours are fixed, so that traffic goes on when a program drops everything, ARP and neighbour discovery too. */
function configureEnd(end: LabEnd, other: LabEnd): string[] {
  return [
    `address add ${end.ipv4}/24 dev ${end.interface}`,
    `address add ${end.ipv6}/64 dev ${end.interface} nodad`,
    `link set ${end.interface} up`,
    `neighbour replace ${other.ipv4} lladdr ${other.mac} dev ${end.interface} nud permanent`,
    `neighbour replace ${other.ipv6} lladdr ${other.mac} dev ${end.interface} nud permanent`,
  ];
}

async function route(ip: Ip, plan: LabPlan, router: string): Promise<void> {
  for (const [gateway, host] of plan.links) {
    const lines = [gateway.ipv4, gateway.ipv6].map((via) => `route add default via ${via} dev ${host.interface}`);
    await ip.batch(lines, host.namespace);
  }
  const tee = requireTool('tee', 'coreutils');
  for (const file of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) {
    await execute([...ip.inside(router), tee, `/proc/sys/net/${file}`], '1\n');
  }
}

async function passOnPeers(ip: Ip, plan: LabPlan): Promise<string[]> {
  return await withPassProgram(async (file) => {
    const warnings: string[] = [];
    for (const [, { interface: name, namespace }] of plan.links) {
      try {
        await ip.batch([`link set dev ${name} xdpdrv object ${file} section xdp`], namespace);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        warnings.push(
          `${name} runs no XDP_PASS program, so that packets of XDP_TX and XDP_REDIRECT to it are lost: ${why}`,
        );
      }
    }
    return warnings;
  });
}
