import * as v from 'valibot';
import { codeContract } from './kernelCode.ts';
import { mapContract, mapEvents, MapInfo, MapRef } from './kernelMaps.ts';
import { runContract } from './kernelRuns.ts';
import { bytes, type Contract, method, u32 } from './rpc.ts';

export * from './kernelMaps.ts';
export * from './kernelCode.ts';
export * from './kernelRuns.ts';

/**
 * What crosses between the session and the kernel helper. The first call is `hello`; a helper of another version
 * refuses everything after it. Handles (`object`, `attachment`) are numbers that the helper gives out and owns.
 */
export const kernelProtocolVersion = 1;

export const XdpModeSchema = v.picklist(['native', 'generic', 'offload']);
export const XdpModeRequestSchema = v.picklist(['auto', 'native', 'generic', 'offload']);
export const ProfileSchema = v.picklist(['own', 'system', 'code']);

export const HelloReply = v.object({
  protocolVersion: v.number(),
  pid: v.number(),
  profile: ProfileSchema,
  uid: v.number(),
  libbpfVersion: v.string(),
  kernelRelease: v.string(),
  /** Effective capabilities by name: `CAP_BPF`, … */
  capabilities: v.array(v.string()),
  /** CPU numbers, from /sys/devices/system/cpu/{possible,online}. */
  possibleCpus: v.array(v.number()),
  onlineCpus: v.array(v.number()),
  /** Where pins of this user go, absent when bpffs cannot be used; the reason is in `pinProblem`. */
  pinDir: v.optional(v.string()),
  pinProblem: v.optional(v.string()),
});
export type HelloReply = v.InferOutput<typeof HelloReply>;

/** `struct bpf_prog_info`, the part that is shown. */
export const ProgramInfo = v.object({
  id: u32,
  name: v.string(),
  type: v.string(),
  tag: v.string(),
  mapIds: v.array(u32),
  runCount: v.bigint(),
  runTimeNs: v.bigint(),
  btfId: u32,
});
export type ProgramInfo = v.InferOutput<typeof ProgramInfo>;

export const LoadedProgram = v.object({
  name: v.string(),
  section: v.string(),
  type: v.string(),
  id: u32,
  mapIds: v.array(u32),
});
export const LoadedObject = v.object({
  object: v.number(),
  programs: v.array(LoadedProgram),
  /** Programs of other types that were not loaded, and why. */
  left: v.array(v.object({ name: v.string(), section: v.string(), reason: v.string() })),
  maps: v.array(MapInfo),
});
export type LoadedObject = v.InferOutput<typeof LoadedObject>;

export const VerifiedProgram = v.object({
  name: v.string(),
  section: v.string(),
  type: v.string(),
  verdict: v.picklist(['accepted', 'rejected', 'skipped']),
  reason: v.optional(v.string()),
  /** 0 when accepted. */
  errno: v.number(),
  /** The verifier's log, whole; with statistics for accepted programs. */
  log: v.string(),
});
export type VerifiedProgram = v.InferOutput<typeof VerifiedProgram>;

/** A tc program at the ingress of the same interface, which comes and goes with its XDP program. */
export const TcProgram = v.object({
  program: v.string(),
  progId: u32,
  /** `clsact` where the kernel (before 6.6) has no tcx links. */
  via: v.picklist(['tcx', 'clsact']),
  linkId: v.optional(u32),
});

export const AttachedProgram = v.object({
  /** '' where the profile cannot tell: only CAP_SYS_ADMIN opens somebody else's program. */
  program: v.string(),
  progId: u32,
  mode: XdpModeSchema,
  /** `link` when a bpf_link holds it, `netlink` otherwise, `unknown` where the profile cannot tell. */
  via: v.picklist(['link', 'netlink', 'unknown']),
  linkId: v.optional(u32),
  /** `this` helper, `kept` (one of this user's pins), or `other`. */
  owner: v.picklist(['this', 'kept', 'other']),
  /** The attachment handle, when `owner` is `this`. */
  attachment: v.optional(v.number()),
  /** What a libxdp dispatcher runs, in its order; absent for other programs and where the profile cannot tell. */
  behind: v.optional(v.array(v.object({ program: v.string(), progId: u32 }))),
});
export type AttachedProgram = v.InferOutput<typeof AttachedProgram>;

/** Why losing an interface would lock its user out. */
export const Lifeline = v.variant('kind', [
  v.object({ kind: v.literal('default-route'), family: v.picklist(['IPv4', 'IPv6']) }),
  v.object({ kind: v.literal('remote-session'), peer: v.string() }),
]);
export type Lifeline = v.InferOutput<typeof Lifeline>;

export const ModeSupport = v.object({ ok: v.boolean(), reason: v.optional(v.string()) });
const OffloadState = v.object({ on: v.boolean(), fixed: v.boolean() });
export const InterfaceInfo = v.object({
  name: v.string(),
  ifindex: u32,
  /** Ethtool's driver name, else the rtnetlink kind, else ''. */
  driver: v.string(),
  /** IF_OPER_*: `up`, `down`, `unknown`, `lowerlayerdown`, … */
  state: v.string(),
  /** rtnetlink's kind (`veth`, `bridge`, …), '' for hardware. */
  kind: v.string(),
  /** Administratively up. */
  up: v.boolean(),
  mtu: u32,
  mac: v.string(),
  addresses: v.array(v.string()),
  /** Queues that the device was made with; `channels` are those in use. */
  rxQueues: u32,
  txQueues: u32,
  loopback: v.boolean(),
  /** False where packets have no Ethernet header (tun). */
  ethernet: v.boolean(),
  modes: v.object({ native: ModeSupport, generic: ModeSupport, offload: ModeSupport }),
  /** The netdev family's xdp-features by name (`basic`, `redirect`, …); absent where the kernel has no such family. */
  xdpFeatures: v.optional(v.array(v.string())),
  /** Bridge or bond that it is a port of. */
  master: v.optional(v.object({ name: v.string(), kind: v.string() })),
  /** What a macvlan, ipvlan or VLAN device stands on, when that is in the same namespace. */
  lower: v.optional(v.string()),
  /** ethtool -l; absent where the driver has none. */
  channels: v.optional(v.object({ rx: u32, tx: u32, combined: u32, maxRx: u32, maxTx: u32, maxCombined: u32 })),
  /** ethtool -k, those that matter to XDP. `fixed`: it cannot be switched. */
  offloads: v.optional(
    v.object({
      lro: v.optional(OffloadState),
      groHw: v.optional(OffloadState),
      gro: v.optional(OffloadState),
      rxVlan: v.optional(OffloadState),
      txVlan: v.optional(OffloadState),
    }),
  ),
  /** The other end of a veth; absent when it is in a namespace that this profile may not look into. */
  peer: v.optional(
    v.object({
      name: v.string(),
      /** In the same namespace. */
      here: v.boolean(),
      /** The name of its namespace, when it is another one that has a name. */
      netns: v.optional(v.string()),
      mtu: u32,
      txVlan: v.optional(v.boolean()),
      /** A native one. */
      hasProgram: v.boolean(),
    }),
  ),
  lifelines: v.array(Lifeline),
  attached: v.array(AttachedProgram),
});
export type InterfaceInfo = v.InferOutput<typeof InterfaceInfo>;

export const Attachment = v.object({
  attachment: v.number(),
  program: v.string(),
  progId: u32,
  ifindex: u32,
  iface: v.string(),
  mode: XdpModeSchema,
  via: v.picklist(['link', 'netlink']),
  linkId: v.optional(u32),
  tc: v.optional(TcProgram),
  /** With auto: why not a better mode. */
  modeReason: v.optional(v.string()),
  /** Absolute path of the pinned link, when kept. */
  pin: v.optional(v.string()),
});
export type Attachment = v.InferOutput<typeof Attachment>;

const GuardSeconds = v.optional(v.pipe(u32, v.minValue(1), v.maxValue(3600)));

const ObjectToLoad = v.object({
  elf: bytes,
  name: v.string(),
  programs: v.optional(v.array(v.string())),
  /** Map name in the object → map to reuse instead of creating it. */
  reuseMaps: v.optional(v.record(v.string(), MapRef)),
});

const howToAttach = {
  program: v.string(),
  mode: XdpModeRequestSchema,
  via: v.picklist(['link', 'netlink']),
  /** Pin the link (and the object's maps) so that the attachment outlives the helper. */
  keep: v.boolean(),
  /** Undo it after so many seconds unless `xdp/confirm` comes before; nothing is pinned until then. Links only. */
  guardSeconds: GuardSeconds,
  /** A tc program of the object, loaded too, that is attached to the ingress along with it. */
  withTc: v.optional(v.string()),
};

const nothing = v.object({});

export const kernelContract = {
  hello: method(v.object({ protocolVersion: v.number() }), HelloReply),

  /**
   * Opens and loads an ELF object through libbpf. `programs`: names to load, absent = every program of type xdp (and
   * what they need); others are left with a reason. `program-rejected` carries `details.program` and `details.log`.
   */
  'object/load': method(ObjectToLoad, LoadedObject),
  'object/close': method(v.object({ object: v.number() }), nothing),
  /**
   * Loads every program of the object alone and closes it again. `log`: what led to a rejection (`failure`, the default), or
   * every step of the verifier on every path (`steps`), which is up to 128 MiB of text.
   */
  'object/verify': method(
    v.object({
      elf: bytes,
      name: v.string(),
      programs: v.optional(v.array(v.string())),
      log: v.optional(v.picklist(['failure', 'steps'])),
    }),
    v.object({ programs: v.array(VerifiedProgram) }),
  ),
  /** System profile: makes a program that somebody else loaded usable like one of our objects, with its maps. */
  'program/open': method(v.object({ id: u32 }), LoadedObject),
  ...runContract,
  ...codeContract,

  'xdp/attach': method(v.object({ object: v.number(), ifindex: u32, ...howToAttach }), Attachment),
  /** `object/load` and `xdp/attach` in one step, since a round trip costs as much as loading. On failure nothing stays loaded. */
  'xdp/loadAndAttach': method(
    v.object({ load: ObjectToLoad, iface: v.string(), ...howToAttach }),
    v.object({ loaded: LoadedObject, attachment: Attachment }),
  ),
  /**
   * Puts another program in the place of an attached one, in one step: no packet meets neither. The handle stays. Fails
   * with `attach-failed` when somebody else's program is there by now. Guarded: the program before it comes back.
   */
  'xdp/replace': method(
    v.object({
      attachment: v.number(),
      object: v.number(),
      program: v.string(),
      guardSeconds: GuardSeconds,
      /** The program of the new object for the tc ingress, when the attachment has one there; absent: of the same name. */
      withTc: v.optional(v.string()),
    }),
    Attachment,
  ),
  /** Ends the countdown of a guarded attachment: it stays, and is pinned if that was asked for. */
  'xdp/confirm': method(v.object({ attachment: v.number() }), Attachment),
  /** Undoes a guarded attachment now. */
  'xdp/revert': method(v.object({ attachment: v.number() }), nothing),
  /** Pins an attachment after all. `object`: the loaded one whose maps and types are pinned with it. */
  'xdp/keep': method(v.object({ attachment: v.number(), object: v.number() }), Attachment),
  /** Makes a kept attachment of this user one of this helper's own: it can be replaced, and its maps read. */
  'xdp/adopt': method(v.object({ ifindex: u32 }), v.object({ attachment: Attachment, maps: v.array(MapInfo) })),
  /** What would be cut off by dropping the packets of an interface. `peers`: addresses of the user's remote session. */
  'xdp/lifelines': method(
    v.object({ ifindex: u32, peers: v.array(v.string()) }),
    v.object({ lifelines: v.array(Lifeline) }),
  ),
  'xdp/detach': method(v.object({ attachment: v.number() }), nothing),
  /** Whatever is attached to the interface; without `force` only what is this user's own. */
  'xdp/detachInterface': method(
    v.object({ ifindex: u32, force: v.boolean() }),
    v.object({ detached: v.array(AttachedProgram) }),
  ),
  /**
   * From now on `trace/exception` events for this helper's attachments, and with `printk` what any program prints as
   * `trace/printk`. `problem`: why not.
   */
  'trace/follow': method(v.object({ printk: v.boolean() }), v.object({ problem: v.optional(v.string()) })),
  /**
   * The interfaces of this helper's network namespace, or of another one: then with the system profile only. `short`, the
   * default, leaves out what takes time: `channels`, `offloads`, `peer`, `lifelines`. `peers`: addresses of the user's remote
   * session; in another namespace only default routes count.
   */
  /** One interface by its name, in the namespace of the helper. Errors: `interface-not-found`. */
  'interfaces/index': method(v.object({ name: v.string() }), v.object({ ifindex: u32 })),
  'interfaces/list': method(
    v.object({
      netns: v.optional(v.string()),
      depth: v.optional(v.picklist(['short', 'whole'])),
      peers: v.optional(v.array(v.string())),
    }),
    v.object({ interfaces: v.array(InterfaceInfo) }),
  ),
  /** Which other namespaces bring `interfaces/changed` from now on. System profile. */
  'interfaces/watch': method(
    v.object({ netns: v.array(v.string()) }),
    v.object({ problems: v.array(v.object({ netns: v.string(), problem: v.string() })) }),
  ),

  /** The kernel counts runs of programs and their time until `stats/release` or the end of this helper. System profile. */
  'stats/hold': method(nothing, nothing),
  'stats/release': method(nothing, nothing),
  /** Totals since the kernel began to count for somebody; programs that cannot be opened are left out. */
  'stats/read': method(
    v.object({ programs: v.array(u32) }),
    v.object({
      atNs: v.bigint(),
      programs: v.array(v.object({ id: u32, runCount: v.bigint(), runTimeNs: v.bigint() })),
    }),
  ),

  ...mapContract,
  /** Raw BTF by its id. */
  'btf/get': method(v.object({ id: u32 }), v.object({ btf: bytes })),
  /** System profile: every program on the system. Own: this helper's. */
  'program/list': method(nothing, v.object({ programs: v.array(ProgramInfo) })),
} satisfies Contract;

export type KernelContract = typeof kernelContract;

/** Helper → session. */
export const kernelEvents = {
  /** An attachment ended without our asking: its interface vanished, or somebody detached it by force. */
  'attachment/lost': v.object({ attachment: v.number(), iface: v.string(), reason: v.string() }),
  /** A guarded attachment, once a second; `reverted` also when the helper could not wait, `restored` when a program came back. */
  'attachment/guard': v.object({
    attachment: v.number(),
    iface: v.string(),
    program: v.string(),
    state: v.picklist(['counting', 'confirmed', 'reverted']),
    secondsLeft: u32,
    restored: v.optional(v.string()),
  }),
  /** Lines of bpf_printk; `left`: how many more there were. */
  'trace/printk': v.object({ lines: v.array(v.string()), left: u32 }),
  /** Packets of one of our programs that did not go where it sent them: core/xdpExceptions.ts. */
  'trace/exception': v.object({
    kind: v.picklist(['exception', 'redirect', 'transmit']),
    progId: u32,
    program: v.string(),
    iface: v.string(),
    ifindex: u32,
    action: v.string(),
    errno: u32,
    toIfindex: u32,
    toIface: v.optional(v.string()),
    count: u32,
  }),
  ...mapEvents,
  /** libbpf's own words, for the output channel. */
  log: v.object({ level: v.picklist(['warn', 'info', 'debug']), text: v.string() }),
  /** Links, addresses or attachments changed (netlink notification). */
  'interfaces/changed': v.object({ netns: v.optional(v.string()) }),
} as const;
export type KernelEvents = { [E in keyof typeof kernelEvents]: v.InferOutput<(typeof kernelEvents)[E]> };
