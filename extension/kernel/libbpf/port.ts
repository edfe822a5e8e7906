/**
 * What the handlers need from libbpf and the kernel, so that tests can answer with any errno. Functions that return a
 * `number` return -errno on failure and say what they return otherwise. Every returned fd belongs to the caller.
 */
export interface Libbpf {
  /** `1.1`, as libbpf states it. */
  readonly version: string;
  /** Where libbpf's own messages go, but for its debug output; one sink at a time. */
  onPrint(sink: (level: PrintLevel, text: string) => void): void;

  /** bpf_object__open_mem(): parses, touches no kernel state. The caller closes it. */
  openObject(elf: Uint8Array, name: string): BpfObject | number;

  programInfo(fd: number): BpfProgramInfo | number;
  /** Its bytecode and machine code. */
  programCode(fd: number): BpfProgramCode | number;
  mapInfo(fd: number): BpfMapInfo | number;
  /** From /proc/self/fdinfo: the info structure does not tell. */
  mapFacts(fd: number): BpfMapFacts;
  /** Every map of the system with who holds it; -errno where the kernel does not tell. Needs no CAP_SYS_ADMIN. */
  mapUses(): MapUse[] | number;
  /** Sockets with a value in this map, `most` at most (or a few more); -errno where the kernel does not tell. */
  countSocketStorage(fd: number, most: number): number;
  linkInfo(fd: number): BpfLinkInfo | number;
  /** The id and the raw BTF of a BTF fd. */
  btfInfo(fd: number): { id: number; bytes: Uint8Array } | number;
  /** Needs CAP_SYS_ADMIN. Returns an fd. */
  openById(kind: IdKind, id: number): number;
  /** Needs CAP_SYS_ADMIN. The next id after `id`, -ENOENT at the end. */
  nextId(kind: IdKind, id: number): number;

  /** An array of one value, to keep bytes in a pin: an fd. bpf_map_create(), libbpf ≥ 0.7. */
  createByteStore(name: string, bytes: Uint8Array): number;
  /** BPF_OBJ_PIN / BPF_OBJ_GET; the latter returns an fd. */
  pin(fd: number, path: string): number;
  openPin(path: string): number;
  /** pidfd_open(2), kernel ≥ 5.3: an fd of the process, or -errno. */
  openProcess(pid: number): number;
  /** The same of any thread by its number, kernel ≥ 6.9. */
  openThread(tid: number): number;
  close(fd: number): void;

  /** bpf_link_create(…, BPF_XDP): returns a link fd. `flags`: XDP_FLAGS_*. */
  createXdpLink(programFd: number, ifindex: number, flags: number): number;
  /**
   * Runs `work` and tells what the kernel says of a link of this process to an interface that it refuses meanwhile; undefined,
   * with `work` not run, where it cannot be overheard: before kernel 6.5, or without CAP_PERFMON.
   */
  overhearLinkFailure<T>(work: () => T): { outcome: T; words: string | undefined } | undefined;
  /** BPF_LINK_UPDATE: puts another program in place; -EPERM when the link does not hold `expectedFd`, if given, any more. */
  updateLink(linkFd: number, programFd: number, expectedFd: number | undefined): number;
  /** bpf_link_create(…, BPF_TCX_INGRESS): returns a link fd; -EINVAL before kernel 6.6. Any libbpf 1.x passes it on. */
  createTcxLink(programFd: number, ifindex: number): number;
  /** A direct-action filter at the ingress of the clsact qdisc, which is made where it is missing; or in place of `replaced`. */
  tcAttach(ifindex: number, programFd: number, replaced: TcFilter | undefined): TcFilter | number;
  tcDetach(ifindex: number, filter: TcFilter): number;
  /** The clsact qdisc with every filter of it. */
  tcRemoveQdisc(ifindex: number): number;
  /** BPF_LINK_DETACH: detaches at once, whoever else holds the link. */
  /** An fd: while it is open, the kernel counts runs of programs. CAP_SYS_ADMIN. */
  enableStats(): number;
  detachLink(linkFd: number): number;

  /** Runs on the calling thread. */
  testRun(programFd: number, request: TestRunRequest): TestRunOutcome;
  /** Runs on another thread, so that a long run blocks nothing. */
  testRunInBackground(programFd: number, request: TestRunRequest): Promise<TestRunOutcome>;

  /** BPF_F_TEST_XDP_LIVE_FRAMES, on another thread: frames that were sent are not sent again, whatever is answered. */
  runLive(programFd: number, request: LiveRunRequest): Promise<{ result: number; durationNs: number }>;

  /** A map of its own: an fd. bpf_map_create(), libbpf ≥ 0.7. */
  createMap(definition: MapDefinition): number;

  /** Copies one value into `value`. `key` undefined for queues and stacks (the head). */
  mapLookup(fd: number, key: Uint8Array | undefined, value: Uint8Array): number;
  mapUpdate(fd: number, key: Uint8Array | undefined, value: Uint8Array, flags: number): number;
  mapDelete(fd: number, key: Uint8Array): number;
  /** Copies the key after `key` (undefined: the first) into `next`; -ENOENT at the end. */
  mapNextKey(fd: number, key: Uint8Array | undefined, next: Uint8Array): number;
  /** BPF_MAP_LOOKUP_BATCH. -ENOENT says that this was the last batch; its entries are valid. */
  mapLookupBatch(fd: number, batch: LookupBatch): { result: number; count: number };

  /** Reads a ring buffer or a perf event array from now on; -errno when that cannot be. The caller closes it. */
  openEvents(type: 'ringbuf' | 'perf_event_array', mapFd: number, sink: EventSink): EventSource | number;
}

export interface EventSink {
  /** `data` is a copy. `cpu` of a perf event array. */
  record(data: Uint8Array, cpu: number | undefined): void;
  /** Of a perf event array: records for which there was no room. */
  lost(count: number): void;
}

export interface EventSource {
  /** Gives the sink what is there, a ring buffer's records up to about `limit`. Negative errno on failure. */
  consume(limit: number): number;
  close(): void;
}

export type PrintLevel = 'warn' | 'info';
export type IdKind = 'program' | 'map' | 'btf' | 'link';

export interface LookupBatch {
  /** The cursor of the batch before, undefined at the start. */
  from: Uint8Array | undefined;
  /** Takes the cursor for the next batch; at least 4 bytes and a key long. */
  to: Uint8Array;
  keys: Uint8Array;
  values: Uint8Array;
  /** Entries that fit into `keys` and `values`. */
  limit: number;
}

/** An opened object. `close` frees it and every fd that it owns. */
export interface BpfObject {
  readonly programs: readonly BpfProgram[];
  readonly maps: readonly BpfMap[];
  /** After load; -errno when the object has no BTF or the kernel took none. Owned by the object. */
  btfFd(): number;
  /** bpf_object__load() on another thread. */
  load(): Promise<number>;
  close(): void;
}

export interface BpfProgram {
  readonly name: string;
  readonly section: string;
  /** libbpf's short name, `unspec` when the section says nothing. */
  type(): string;
  autoload(): boolean;
  setAutoload(load: boolean): void;
  setType(type: 'xdp' | 'sched_cls'): void;
  /**
   * Gives the verifier a log of `bytes`; `level` 0 = only when the load fails, 1 = log, | 4 = statistics. The memory
   * lives until the object is closed.
   */
  setLog(bytes: number, level: number): void;
  /** What the verifier wrote, '' when nothing. */
  log(): string;
  /** After load. */
  fd(): number;
}

export interface BpfMap {
  readonly name: string;
  /** After load. Owned by the object. */
  fd(): number;
  /** As declared. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** Where the source asks libbpf to pin it; not followed, since such a pin would have no owner here. */
  readonly pinPath: string | undefined;
  /** Uses an existing map; libbpf duplicates the fd, and does not look whether it fits. */
  reuse(fd: number): number;
}

/** struct bpf_map_info. */
export interface BpfMapInfo {
  type: number;
  id: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  name: string;
  btfId: number;
  btfKeyTypeId: number;
  btfValueTypeId: number;
  /** Of struct_ops: its type in the kernel's own BTF; 0 for all others. */
  vmlinuxValueTypeId: number;
}

export interface BpfMapFacts {
  frozen: boolean;
  /**
   * What may be done through this file descriptor. BPF_F_RDONLY and BPF_F_WRONLY at creation bind its first descriptor only, and
   * are not kept in the map's flags (kernel/bpf/syscall.c, bpf_map_flags_retain_permanent()).
   */
  access: 'read' | 'write' | 'both';
  /** What the map is charged for, undefined where the kernel does not tell. */
  memoryBytes: number | undefined;
}

/** Who holds a map. */
export interface MapUse {
  id: number;
  type: number;
  /** The kernel keeps 15 characters. */
  name: string;
  /** Descriptors and pins. */
  holders: number;
  /** Programs that use it, maps that it is in, and what else the kernel has of it. */
  inKernel: number;
}

/** struct bpf_prog_info. */
export interface BpfProgramInfo {
  type: string;
  id: number;
  name: string;
  /** Hex. */
  tag: string;
  mapIds: number[];
  btfId: number;
  runTimeNs: bigint;
  runCount: bigint;
}

/** What struct bpf_prog_info tells of a program's code. */
export interface BpfProgramCode {
  xlated: Uint8Array;
  /** Bytes of machine code in all; 0 without a JIT. */
  machineBytes: number;
  /** All functions behind each other; undefined where the kernel hides it. */
  machine: Uint8Array | undefined;
  functionAddresses: bigint[];
  functionBytes: number[];
  lines: Uint8Array;
  lineBytes: number;
  lineAddresses: bigint[];
  funcs: Uint8Array;
  funcBytes: number;
}

/** What names a tc filter, and whether its qdisc was made for it. */
export interface TcFilter {
  handle: number;
  priority: number;
  madeQdisc: boolean;
}

/** struct bpf_link_info; `ifindex` only for XDP links, 0 when its interface is gone. */
export interface BpfLinkInfo {
  id: number;
  xdp: boolean;
  programId: number;
  ifindex: number;
  /** What the link of a tracing or extension program points at: a function, by its BTF id, of a program. */
  target?: { programId: number; btfId: number };
}

export interface TestRunRequest {
  data: Uint8Array;
  /** Size of the buffer for the packet after the run. */
  outBytes: number;
  ctx?: Uint8Array | undefined;
  repeat: number;
}

export interface LiveRunRequest {
  data: Uint8Array;
  ctx: Uint8Array;
  frames: number;
  /** 0: the kernel's default, 64. */
  batch: number;
}

export interface MapDefinition {
  /** enum bpf_map_type. */
  type: number;
  name: string;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
}

export interface TestRunOutcome {
  /** 0 or -errno. */
  result: number;
  retval: number;
  durationNs: number;
  dataOut: Uint8Array;
  ctxOut: Uint8Array;
}
