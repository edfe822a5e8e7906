/**
 * What a lab is made of. Names and addresses are fixed, so that examples and documentation can use them; tests make one of
 * their own.
 */
export interface LabPlan {
  readonly name: string;
  readonly names: LabNames;
  readonly topology: LabTopology;
  /** Those it makes. */
  readonly namespaces: readonly string[];
  /** veth pairs. The first end is for programs; on the second one XDP_PASS runs, so that TX and REDIRECT arrive there. */
  readonly links: readonly (readonly [LabEnd, LabEnd])[];
  /** The namespace that forwards packets. */
  readonly router: string | undefined;
  readonly traffic: { readonly from: LabEnd; readonly to: LabEnd; readonly through: LabEnd };
}

export const labTopologies = ['pair', 'router'] as const;
export type LabTopology = (typeof labTopologies)[number];

export interface LabEnd {
  /** undefined: the namespace of whoever makes the lab. */
  readonly namespace: string | undefined;
  readonly interface: string;
  /** Chosen by us, locally administered: also the mark by which our own interfaces are known. */
  readonly mac: string;
  /** Without the prefix length, which is 24. */
  readonly ipv4: string;
  /** Without the prefix length, which is 64. */
  readonly ipv6: string;
}

export interface LabNames {
  name: string;
  /** What its interfaces begin with, at most 12 characters. */
  prefix: string;
  /** Second byte of its IPv4 networks, and so on: two labs with different ones can be up together. */
  number: number;
  /** Fifth byte of its MAC addresses. */
  mark: number;
}

const standardNames: LabNames = { name: 'xdp-lab', prefix: 'xdplab', number: 77, mark: 0 };

/**
 * `pair`: `xdplab0` here and `xdplab1`, where traffic comes from, in the namespace xdp-lab.
 * `router`: `xdplabc0` (client) – `xdplabr0` router `xdplabr1` – `xdplabs0` (server), each in a namespace of its own; the
 * router forwards, and traffic goes from the client to the server.
 */
export function labPlan(topology: LabTopology, names: LabNames = standardNames): LabPlan {
  switch (topology) {
    case 'pair':
      return pair(names);
    case 'router':
      return router(names);
  }
}

export const defaultLab: LabPlan = labPlan('pair');

function pair(names: LabNames): LabPlan {
  const { name, prefix, number, mark } = names;
  const end = ends({ prefix, number, mark });
  const host = end({ at: '0', namespace: undefined, network: 0, host: 1 });
  const peer = end({ at: '1', namespace: name, network: 0, host: 2 });
  return {
    name,
    names,
    topology: 'pair',
    namespaces: [name],
    links: [[host, peer]],
    router: undefined,
    traffic: { from: peer, to: host, through: host },
  };
}

function router(names: LabNames): LabPlan {
  const { name, prefix, number, mark } = names;
  const end = ends({ prefix, number, mark });
  const [routing, clients, servers] = [`${name}-router`, `${name}-client`, `${name}-server`] as const;
  const inward = end({ at: 'r0', namespace: routing, network: 1, host: 1 });
  const client = end({ at: 'c0', namespace: clients, network: 1, host: 2 });
  const outward = end({ at: 'r1', namespace: routing, network: 2, host: 1 });
  const server = end({ at: 's0', namespace: servers, network: 2, host: 2 });
  return {
    name,
    names,
    topology: 'router',
    namespaces: [routing, clients, servers],
    links: [
      [inward, client],
      [outward, server],
    ],
    router: routing,
    traffic: { from: client, to: server, through: inward },
  };
}

function ends({ prefix, number, mark }: Omit<LabNames, 'name'>) {
  return (which: { at: string; namespace: string | undefined; network: number; host: number }): LabEnd => {
    const { at, namespace, network, host } = which;
    const low = (16 * network + host).toString(16).padStart(2, '0');
    return {
      namespace,
      interface: `${prefix}${at}`,
      mac: `02:78:64:70:${mark.toString(16).padStart(2, '0')}:${low}`,
      ipv4: `10.${number}.${network}.${host}`,
      ipv6: network === 0 ? `fd${number}::${host}` : `fd${number}:${network}::${host}`,
    };
  };
}
