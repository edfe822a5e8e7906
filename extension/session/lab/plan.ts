/** What a lab is made of. Names and addresses are fixed, so that examples and documentation can use them. */
export interface LabPlan {
  readonly name: string;
  /** The end that programs are attached to, in the namespace of the caller. */
  readonly host: LabEnd;
  /** The end that traffic comes from, in a namespace of its own. */
  readonly peer: LabEnd & { readonly namespace: string };
}

export interface LabEnd {
  readonly interface: string;
  /** Chosen by us, locally administered: also the mark by which our own interfaces are known. */
  readonly mac: string;
  /** Without the prefix length, which is 24. */
  readonly ipv4: string;
  /** Without the prefix length, which is 64. */
  readonly ipv6: string;
}

export const defaultLab: LabPlan = {
  name: 'xdp-lab',
  host: { interface: 'xdplab0', mac: '02:78:64:70:00:01', ipv4: '10.77.0.1', ipv6: 'fd77::1' },
  peer: {
    interface: 'xdplab1',
    mac: '02:78:64:70:00:02',
    ipv4: '10.77.0.2',
    ipv6: 'fd77::2',
    namespace: 'xdp-lab',
  },
};
