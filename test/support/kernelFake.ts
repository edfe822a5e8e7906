import { createHandlers, type KernelService } from '../../extension/kernel/handlers/attach/create.ts';
import type { BpfMap, BpfMapInfo, BpfObject, BpfProgram, Libbpf } from '../../extension/kernel/libbpf/port.ts';
import type { Netlink } from '../../extension/kernel/netlink/client.ts';
import type { LinkRecord } from '../../extension/kernel/netlink/rtnetlink.ts';
import type { System } from '../../extension/kernel/system/system.ts';
import type { KernelEvents } from '../../extension/protocol/kernel.ts';

/** A kernel that says yes to everything, except where a test makes it answer otherwise. */
export interface FakeKernel {
  libbpf?: Partial<Libbpf>;
  netlink?: Partial<Netlink>;
  system?: Partial<System>;
  object?: Partial<FakeObject>;
}

export interface FakeObject {
  programs: { name: string; section: string; type: string; log?: string }[];
  maps: { name: string; type: number; keySize: number; valueSize: number }[];
  /** 0 or -errno. */
  load: number;
  /** What libbpf prints while it loads. */
  prints: string[];
}

export interface FakeService extends KernelService {
  events: { event: keyof KernelEvents; data: unknown }[];
  /** fds that are open. */
  open: Set<number>;
}

export const fakeLink: LinkRecord = {
  ifindex: 2,
  name: 'eth0',
  mtu: 1500,
  mac: '02:00:00:00:00:01',
  up: true,
  loopback: false,
  state: 'up',
  kind: '',
  rxQueues: 1,
  txQueues: 1,
  ethernet: true,
  linkedIfindex: undefined,
  linkedNetnsId: undefined,
  masterIfindex: undefined,
  xdp: [],
};

export function fakeService(kernel: FakeKernel = {}): FakeService {
  const open = new Set<number>();
  const events: FakeService['events'] = [];
  let lastFd = 100;
  let print: (level: 'warn' | 'info', text: string) => void = () => {};
  const newFd = () => {
    lastFd++;
    open.add(lastFd);
    return lastFd;
  };
  const libbpf: Libbpf = {
    version: '1.1',
    onPrint: (sink) => {
      print = sink;
    },
    openObject: () =>
      fakeObject(
        kernel.object ?? {},
        newFd,
        (fd) => open.delete(fd),
        (text) => print('warn', text),
      ),
    programCode: () => ({
      xlated: new Uint8Array(0),
      machineBytes: 0,
      machine: undefined,
      functionAddresses: [],
      functionBytes: [],
      lines: new Uint8Array(0),
      lineBytes: 16,
      lineAddresses: [],
      funcs: new Uint8Array(0),
      funcBytes: 8,
    }),
    programInfo: (fd) => ({
      type: 'xdp',
      id: fd,
      name: 'prog',
      tag: '',
      mapIds: [],
      btfId: 0,
      runTimeNs: 0n,
      runCount: 0n,
    }),
    mapInfo: () => fakeMapInfo({}),
    mapFacts: () => ({ frozen: false, access: 'both', memoryBytes: undefined }),
    mapUses: () => -95,
    openEvents: () => -95,
    linkInfo: (fd) => ({ id: fd, xdp: true, programId: 1, ifindex: 2 }),
    btfInfo: () => -2,
    openById: () => -1,
    nextId: () => -1,
    createByteStore: () => -1,
    pin: () => 0,
    openPin: () => -2,
    openProcess: () => -3,
    openThread: () => -22,
    countSocketStorage: () => -95,
    close: (fd) => {
      open.delete(fd);
    },
    createXdpLink: newFd,
    // A kernel before 6.5.
    overhearLinkFailure: () => undefined,
    createTcxLink: newFd,
    tcAttach: () => ({ handle: 1, priority: 1, madeQdisc: true }),
    tcDetach: () => 0,
    tcRemoveQdisc: () => 0,
    updateLink: () => 0,
    detachLink: () => 0,
    enableStats: newFd,
    testRun: () => ({ result: 0, retval: 2, durationNs: 1, dataOut: new Uint8Array(), ctxOut: new Uint8Array(24) }),
    testRunInBackground: async () => ({
      result: 0,
      retval: 2,
      durationNs: 1,
      dataOut: new Uint8Array(),
      ctxOut: new Uint8Array(24),
    }),
    runLive: async () => ({ result: 0, durationNs: 1 }),
    createMap: newFd,
    mapLookup: () => 0,
    mapUpdate: () => 0,
    mapDelete: () => 0,
    mapNextKey: () => -2,
    mapLookupBatch: () => ({ result: -2, count: 0 }),
    ...kernel.libbpf,
  };
  const netlink: Netlink = {
    links: () => [fakeLink],
    link: () => fakeLink,
    addresses: () => [],
    routes: () => [],
    xdpFeatures: () => new Map([[2, ['basic']]]),
    netnsId: () => undefined,
    ethtool: () => undefined,
    xdpAttach: () => ({ result: 0, message: undefined }),
    hasTcFilters: () => false,
    watch: () => undefined,
    ...kernel.netlink,
  };
  const system: System = {
    capabilities: () => ['CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_BPF'],
    possibleCpus: () => [0, 1, 2, 3],
    onlineCpus: () => [0, 1],
    kernelRelease: () => '5.15.0',
    interfaceIndex: (name) => (name === fakeLink.name ? fakeLink.ifindex : undefined),
    interfaceName: (ifindex) => (ifindex === fakeLink.ifindex ? fakeLink.name : undefined),
    driver: () => 'fake_driver',
    onCpu: (_cpu, work) => work(),
    printk: { open: () => ({ take: () => [], close: () => undefined }) },
    sshPeers: () => [],
    inNetns: (_file, work) => work(),
    eachNetns: () => {},
    trace: () => ({ problem: 'no tracefs here' }),
    kernelSymbols: () => [],
    nowNs: () => 1n,
    ...kernel.system,
  };
  const service = createHandlers({
    profile: 'own',
    libbpf,
    netlink,
    system,
    pins: { problem: 'no BPF file system here' },
    emit: (event, data) => void events.push({ event, data }),
  });
  return { ...service, events, open };
}

export function fakeMapInfo(changed: Partial<BpfMapInfo>): BpfMapInfo {
  return {
    type: 1,
    id: 7,
    keySize: 4,
    valueSize: 4,
    maxEntries: 10,
    flags: 0,
    name: 'fake',
    btfId: 0,
    btfKeyTypeId: 0,
    btfValueTypeId: 0,
    vmlinuxValueTypeId: 0,
    ...changed,
  };
}

function fakeObject(
  object: Partial<FakeObject>,
  newFd: () => number,
  closeFd: (fd: number) => void,
  print: (text: string) => void,
): BpfObject {
  const fds: number[] = [];
  const take = () => {
    const fd = newFd();
    fds.push(fd);
    return fd;
  };
  const programs = (object.programs ?? [{ name: 'xdp_prog', section: 'xdp', type: 'xdp' }]).map(
    ({ name, section, type, log = '' }): BpfProgram => {
      let load = true;
      let now = type;
      const fd = take();
      return {
        name,
        section,
        type: () => now,
        autoload: () => load,
        setAutoload: (value) => {
          load = value;
        },
        setType: (type) => {
          now = type;
        },
        setLog: () => {},
        log: () => log,
        fd: () => fd,
      };
    },
  );
  const maps = (object.maps ?? []).map((map): BpfMap => {
    const fd = take();
    return { ...map, pinPath: undefined, fd: () => fd, reuse: () => 0 };
  });
  return {
    programs,
    maps,
    btfFd: () => -2,
    load: async () => {
      for (const line of object.prints ?? []) print(line);
      return object.load ?? 0;
    },
    close: () => {
      for (const fd of fds.splice(0)) closeFd(fd);
    },
  };
}
