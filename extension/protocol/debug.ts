import * as v from 'valibot';

/** A launch configuration of `type: "xdp"`, as launch.json and the extension write it. Untrusted: parsed in the adapter. */
export const DebugLaunch = v.looseObject({
  /** A C source or a BPF object; absent when a test file names it. */
  program: v.optional(v.string()),
  /** A function or section name; absent: the only XDP program. */
  function: v.optional(v.string()),
  /** As `xdp run --packet` takes it. */
  packet: v.optional(v.string()),
  /** As a packet test has them. */
  context: v.optional(v.record(v.string(), v.unknown())),
  maps: v.optional(v.record(v.string(), v.array(v.unknown()))),
  /** XDP_…: the debugger can stop where another verdict is returned. */
  expect: v.optional(v.string()),
  /** A packet test file, and the name of the test in it. */
  testFile: v.optional(v.string()),
  test: v.optional(v.string()),
  /** `debugger`: compiled without optimisation, every variable is there. `kernel`: the object as the kernel gets it. */
  build: v.optional(v.picklist(['debugger', 'kernel'])),
  /** By default: where no breakpoint is set. */
  stopOnEntry: v.optional(v.boolean()),
  /** The extension fills these in from its settings. */
  clangPath: v.optional(v.string()),
  includeDirs: v.optional(v.array(v.string())),
  workspaceRoots: v.optional(v.array(v.string())),
  /** The extension answers askKernel: its helper may run already, for which somebody gave a password. */
  extensionAsksKernel: v.optional(v.boolean()),
});
export type DebugLaunch = v.InferOutput<typeof DebugLaunch>;

/** A custom event of the adapter, whose body is a KernelQuestion; the answer comes as a custom request. */
export const askKernel = 'xdp/askKernel';
export const kernelAnswer = 'xdp/kernelAnswer';

const hex = v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2})*$/));
const u32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));

/** Packets that were stepped through, to be run in the kernel on fresh maps with these entries. */
export const KernelQuestion = v.object({
  /** Of the source or the object. Absolute. */
  file: v.string(),
  program: v.string(),
  setup: v.array(
    v.object({
      map: v.string(),
      key: hex,
      value: v.variant('kind', [
        v.object({ kind: v.literal('bytes'), hex }),
        v.object({ kind: v.literal('program'), program: v.string() }),
        v.object({ kind: v.literal('map'), map: v.string() }),
      ]),
    }),
  ),
  steps: v.array(
    v.object({
      packet: hex,
      context: v.object({
        ingressIfindex: v.optional(u32),
        rxQueueIndex: v.optional(u32),
        cpu: v.optional(u32),
        linearBytes: v.optional(u32),
        metadata: v.optional(hex),
      }),
    }),
  ),
});
export type KernelQuestion = v.InferOutput<typeof KernelQuestion>;

export const KernelAnswer = v.variant('kind', [
  v.object({
    kind: v.literal('ran'),
    steps: v.array(v.object({ retval: u32, packetOut: hex, metadataOut: hex })),
  }),
  v.object({ kind: v.literal('failed'), message: v.string() }),
  /** No helper runs, and none can start without a password. */
  v.object({ kind: v.literal('noHelper') }),
]);
export type KernelAnswer = v.InferOutput<typeof KernelAnswer>;
