import {
  type DisassembledFunction,
  foreignAddresses,
  functionRecords,
  layOut,
  lineRecords,
  type MachineListing,
} from '../../core/disassembly/machine.ts';
import { calledAddresses, listRewritten } from '../../core/disassembly/rewritten.ts';
import { XdpError } from '../../core/errors.ts';
import type { LoadedObject, ProgramCode } from '../../protocol/kernel.ts';
import type { BpfObject } from '../bpfObject.ts';
import type { HelperClient, KernelAccess } from '../kernelAccess.ts';

/** A program of a file, which is loaded for the moment, or one that is loaded already. */
export type MachineTarget = { kind: 'file'; object: BpfObject; program: string } | { kind: 'loaded'; id: number };

export interface MachineResult {
  listing: MachineListing;
  /** Bytes of machine code; 0 where it is not seen. */
  bytes: number;
  /** What is missing and why, one sentence each. */
  remarks: string[];
  /** Of a loaded program: how often it ran while the kernel counted (kernel.bpf_stats_enabled), if it did. */
  ran: { count: bigint; timeNs: bigint } | undefined;
}

export interface MachineOptions {
  clangPath?: string;
  signal?: AbortSignal;
}

/**
 * What the kernel makes of a program: the bytecode after the verifier, and the JIT's machine code, by C line. Errors:
 * `program-rejected`, `privilege`, `elevation-refused`, `program-not-found`.
 */
export async function machineCodeOf(
  kernel: KernelAccess,
  target: MachineTarget,
  options: MachineOptions = {},
): Promise<MachineResult> {
  return await kernel.withCode(async (client) => {
    const loaded = await load(client, target);
    try {
      return await list(client, loaded, target, options);
    } finally {
      await client.call('object/close', { object: loaded.object });
    }
  });
}

async function load(client: HelperClient, target: MachineTarget): Promise<LoadedObject> {
  switch (target.kind) {
    case 'file': {
      const { elf, name } = target.object;
      return await client.call('object/load', { elf, name, programs: [target.program] });
    }
    case 'loaded':
      return await client.call('program/open', { id: target.id });
  }
}

async function list(
  client: HelperClient,
  loaded: LoadedObject,
  target: MachineTarget,
  options: MachineOptions,
): Promise<MachineResult> {
  const program = target.kind === 'file' ? target.program : (loaded.programs[0]?.name ?? '');
  const code = await client.call('program/code', { object: loaded.object, program });
  const remarks: string[] = [...missingWords(code)];
  const machine = await disassembled(code, remarks, options);
  const { symbols: bases } = await client.call('code/symbols', { addresses: [], names: ['__bpf_call_base'] });
  const callBase = bases[0]?.address;
  const addresses = [...calledAddresses(code.xlated, callBase), ...machine.flatMap(foreignAddresses)];
  const { symbols } = await client.call('code/symbols', { addresses: addresses.slice(0, mostSymbols), names: [] });
  const names = new Map(symbols.map(({ address, name }) => [address, name]));
  const symbol = (address: bigint): string | undefined => names.get(BigInt.asUintN(64, address));
  const functions = functionRecords(code, program);
  const bytecode = listRewritten(code.xlated, {
    functions: functions.map(({ name }) => name),
    maps: new Map(loaded.maps.map(({ id, name }) => [id, name])),
    symbol,
    callBase,
  });
  return {
    listing: layOut(program, { bytecode, functions, records: lineRecords(code), machine, symbol }),
    bytes: code.functions.reduce((sum, fn) => sum + fn.code.length, 0),
    remarks,
    ran: target.kind === 'loaded' ? await ranOf(client, target.id) : undefined,
  };
}

/** As many as one message takes. */
const mostSymbols = 65_536;

function missingWords({ missing }: ProgramCode): string[] {
  switch (missing) {
    case 'not-compiled':
      return [
        'There is no machine code: the kernel’s compiler is off. It is switched on with: sysctl net.core.bpf_jit_enable=1',
      ];
    case 'hidden':
      return [
        'The kernel does not show its machine code: that takes CAP_SYSLOG (and kernel.kptr_restrict below 2). This helper was started without it.',
      ];
    case undefined:
      return [];
  }
}

/** Without a disassembler the bytes themselves are shown, 8 to a line. */
async function disassembled(
  { functions }: ProgramCode,
  remarks: string[],
  { clangPath, signal }: MachineOptions,
): Promise<DisassembledFunction[]> {
  const { disassembleMachineCode, findDisassembler } = await import('../../toolchain/machineCode.ts');
  const found: DisassembledFunction[] = [];
  try {
    if (functions.length === 0) return [];
    const tool = await findDisassembler({ ...(clangPath ? { path: clangPath } : {}), ...(signal ? { signal } : {}) });
    for (const { address, code } of functions) {
      const request = { code, address, ...(signal ? { signal } : {}) };
      found.push({ address, bytes: code.length, instructions: await disassembleMachineCode(tool, request) });
    }
    return found;
  } catch (error) {
    if (!(error instanceof XdpError) || error.code !== 'environment') throw error;
    remarks.push(`Machine code is shown as bytes: ${error.message}. ${error.fix ?? ''}`.trimEnd());
    return functions.map(({ address, code }) => ({
      address,
      bytes: code.length,
      instructions: rawBytes(code, address),
    }));
  }
}

function rawBytes(code: Uint8Array, start: bigint): { address: bigint; text: string }[] {
  const rows: { address: bigint; text: string }[] = [];
  for (let at = 0; at < code.length; at += 8) {
    const text = [...code.subarray(at, at + 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    rows.push({ address: start + BigInt(at), text });
  }
  return rows;
}

async function ranOf(client: HelperClient, id: number): Promise<MachineResult['ran']> {
  const { programs } = await client.call('stats/read', { programs: [id] });
  const [stats] = programs;
  return stats === undefined || stats.runCount === 0n ? undefined : { count: stats.runCount, timeNs: stats.runTimeNs };
}
