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
});
export type DebugLaunch = v.InferOutput<typeof DebugLaunch>;
