import { InvalidInstruction } from '../../core/vm/isa/code.ts';
import { Fault } from '../../core/vm/memory/regions.ts';
import { runBytecode } from '../../core/vm/rawProgram.ts';
import { parse, type Verb } from '../command.ts';

/** The plug-in interface of the bpf_conformance suite: a program that is invalid or faults is exit 1 with nothing on stdout. */
export const vmPlugin: Verb = {
  summary: 'run raw bytecode (hex on stdin) in the built-in machine',
  usage: 'vm-plugin [MEMORY-HEX]',
  async run(args, { output }) {
    const { positionals } = parse(this.usage, args, {}, { min: 0, max: 1 });
    try {
      const memory = hexBytes('the memory', positionals[0] ?? '');
      const r0 = runBytecode(hexBytes('the program', await readStdin()), memory);
      output.result({ r0: r0.toString(16) }, () => r0.toString(16));
      return 0;
    } catch (error) {
      if (!(error instanceof InvalidInstruction || error instanceof Fault || error instanceof NotHex)) throw error;
      output.note(`xdp: ${error.message}`);
      return 1;
    }
  },
};

class NotHex extends Error {}

/** Hex digits in pairs; white space between them means nothing. */
function hexBytes(what: string, text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits))
    throw new NotHex(`${what} is not hex: pairs of digits are expected`);
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

async function readStdin(): Promise<string> {
  let text = '';
  process.stdin.setEncoding('latin1');
  for await (const chunk of process.stdin) text += String(chunk);
  return text;
}
