import { XdpError } from '../../core/errors.ts';
import { type BpfObject, type BuildOptions, openObject } from '../bpfObject.ts';

/** A program for the debugger to step through. */
export interface DebugBuild {
  object: BpfObject;
  /** `debugger`: every variable is there all the time. `kernel`: the optimised object, which has lost many of them. */
  kind: NonNullable<BuildOptions['build']>;
  /** Why it is not the kind that debugging is best with, for people. */
  why: string | undefined;
}

/** What stops the debugger's build and leaves the other one to be tried. */
const fallbackCodes: readonly XdpError['code'][] = ['clang-too-old', 'compile-failed'];

/**
 * Builds a C file without optimisation for the built-in machine; where that is not possible (an old clang, code that only
 * compiles optimised), as for the kernel, and says why. An object is taken as it is. Throws what openObject() throws.
 */
export async function buildForDebugger(file: string, options: BuildOptions): Promise<DebugBuild> {
  try {
    const object = await openObject(file, { ...options, build: 'debugger' });
    if (object.compiled !== undefined) return { object, kind: 'debugger', why: undefined };
    return { object, kind: 'kernel', why: 'an object was given, not a source' };
  } catch (error) {
    if (!(error instanceof XdpError) || !fallbackCodes.includes(error.code)) throw error;
    // An error in the program is found again, and then reported as the kernel's build words it.
    const object = await openObject(file, { ...options, build: 'kernel' });
    return { object, kind: 'kernel', why: error.fix === undefined ? error.message : `${error.message}. ${error.fix}` };
  }
}

/** What the machine needs to run a debugger's build, beyond what the kernel's asks for. */
export const debuggerMachine = {
  /** As the compiler was told: -bpf-stack-size. */
  stackBytes: 16_384,
  /** Functions that the optimiser would have put into each other are called. */
  maxFrames: 64,
} as const;
