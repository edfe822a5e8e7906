import type { HelloReply } from '../../protocol/kernel.ts';
import type { Clang } from '../../toolchain/clang.ts';
import type { AdminStatus } from '../admin/adminInstall.ts';
import type { BpfObject } from '../bpfObject.ts';
import type { Elevation } from '../kernelAccess.ts';
import type { Verdict } from '../verify.ts';

/** One thing that was looked at, as `xdp doctor --json` prints it. */
export interface Check {
  /** Stable; kernel options are `option-BPF_SYSCALL` and the like. */
  id: string;
  title: string;
  /** `missing`: not there. `warning`: there, with a catch. `unknown`: could not be found out; the detail says why. */
  status: 'ok' | 'missing' | 'warning' | 'unknown';
  /** Without it no program can be compiled, loaded and attached here. */
  required: boolean;
  /** What was found, and what it means where that is not plain. */
  detail: string;
  /** A command, or what to do in words. */
  fix?: string;
}

/** What was read from a file, or why it was not. */
export type FileAnswer =
  | { kind: 'text'; text: string }
  | { kind: 'absent' }
  | {
      /** It is there, and this user may not read it. */
      kind: 'refused';
    };

/**
 * All that the doctor asks a machine: tests answer from records. Nothing here asks the user for anything, and nothing
 * throws but where it is said.
 */
export interface DoctorMachine {
  /** Node's names for them: `linux`, `x64`. */
  readonly platform: string;
  readonly arch: string;
  /** The kernel's, as uname -r prints it. */
  readonly release: string;
  /** Of the Node.js (or the editor's) that runs this, without a `v`. */
  readonly nodeVersion: string;
  /** undefined where there are no users by number (Windows). */
  readonly uid: number | undefined;
  readonly elevation: Elevation;
  /** A graphical session, which is where pkexec's dialog can appear. */
  readonly graphical: boolean;
  /** What an administrator installed for the members of a group. */
  adminInstall(): AdminStatus;
  /** A file whose name ends in `.gz` is unpacked. */
  read(path: string): Promise<FileAnswer>;
  exists(path: string): Promise<boolean>;
  /** Names in a folder; none when it cannot be read. */
  list(folder: string): Promise<readonly string[]>;
  /** Absolute path of a program on PATH or in the folders of system programs. */
  findCommand(name: string): Promise<string | undefined>;
  /** What a program writes to its standard output; undefined when it fails or takes too long. */
  output(command: string, args: readonly string[]): Promise<string | undefined>;
  /** @throws {XdpError} `clang-missing`, `clang-too-old` */
  findClang(): Promise<Clang>;
  /** Compiles a minimal program that includes what nearly all do. @throws {XdpError} `compile-failed` and the like */
  compileTrial(): Promise<BpfObject>;
  /**
   * Starts the kernel helper without asking anybody: `none` = with what this process has, `sudo` = if sudo wants no password.
   * @throws {XdpError} `privilege` when a password would be needed, `elevation-refused`, `libbpf-missing`, …
   */
  startHelper(elevation: 'none' | 'sudo'): Promise<TrialHelper>;
}

/** A helper that was started to see whether it can be. */
export interface TrialHelper {
  readonly hello: Pick<HelloReply, 'libbpfVersion' | 'capabilities' | 'pinDir' | 'pinProblem'>;
  /** Has the kernel load the object's programs, never attached. @throws {XdpError} */
  verify(object: BpfObject): Promise<Verdict[]>;
  dispose(): Promise<void>;
}
