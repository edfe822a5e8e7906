import type { kernelContract, ProgramCode } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import type { BpfProgramCode } from '../../libbpf/port.ts';
import type { Context } from '../context.ts';
import { kernelError } from './failures.ts';

type CodeHandlers = Pick<Handlers<typeof kernelContract>, 'program/code' | 'code/symbols'>;

/** What the kernel made of a program: its bytecode as the verifier left it, and machine code. */
export function codeHandlers(context: Context): CodeHandlers {
  const { libbpf, system, objects } = context;
  return {
    'program/code': ({ object, program }) => {
      const { fd, info } = objects.program(object, program);
      const code = libbpf.programCode(fd);
      if (typeof code === 'number') throw kernelError(`Reading the code of ${program}`, code);
      const { xlated, lines, lineBytes, lineAddresses, funcs, funcBytes } = code;
      const btf = btfOf(context, objects.get(object).btfFd, info.btfId);
      return {
        xlated,
        ...machineCode(code),
        lines,
        lineBytes,
        lineAddresses,
        funcs,
        funcBytes,
        ...(btf === undefined ? {} : { btf }),
      };
    },
    'code/symbols': ({ addresses, names }) => ({ symbols: system.kernelSymbols(addresses, names) }),
  };
}

function machineCode(code: BpfProgramCode): Pick<ProgramCode, 'functions' | 'missing'> {
  if (code.machineBytes === 0) return { functions: [], missing: 'not-compiled' };
  const { machine, functionAddresses } = code;
  if (machine === undefined || functionAddresses.length === 0) return { functions: [], missing: 'hidden' };
  let at = 0;
  const functions = functionAddresses.map((address, index) => {
    const start = at;
    at += code.functionBytes[index] ?? machine.length;
    return { address, code: machine.subarray(start, at) };
  });
  return { functions };
}

function btfOf({ libbpf }: Context, ownFd: number, id: number): Uint8Array | undefined {
  if (ownFd < 0 && id === 0) return undefined;
  const fd = ownFd >= 0 ? ownFd : libbpf.openById('btf', id);
  if (fd < 0) return undefined;
  const info = libbpf.btfInfo(fd);
  if (ownFd < 0) libbpf.close(fd);
  return typeof info === 'number' ? undefined : info.bytes;
}
