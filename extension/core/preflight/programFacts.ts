import type { ObjectSpec } from '../object/spec.ts';
import { helperName } from '../vm/helpers/names.ts';
import type { Code } from '../vm/isa/code.ts';
import { jumpOp, insnClass } from '../vm/isa/opcodes.ts';
import { linkObject } from '../vm/link/linkObject.ts';
import { type XdpActionName, xdpActions } from '../xdp.ts';
import { helpersCalled, returnValues } from './returnValues.ts';
import { anyValue } from './valueSet.ts';

/** What is known of a program before it is loaded, from its object alone. */
export interface ProgramFacts {
  name: string;
  /** SEC("xdp.frags"): it takes packets in several buffers. */
  frags: boolean;
  /** What it may return: an upper bound. All of them when the object does not tell. */
  actions: ReadonlySet<XdpActionName>;
  /** False: the verdict is computed where the object does not show it (read from a map, left to a tail call). */
  actionsKnown: boolean;
  /** Helpers and kernel functions that it may call: `bpf_redirect_map`. */
  calls: ReadonlySet<string>;
  /** It compares something with a VLAN EtherType. */
  looksForVlan: boolean;
}

/**
 * Facts of one program of an object. An object that cannot be linked here (for another byte order, damaged) tells what its
 * sections say, and everything else may be.
 */
export function programFacts(elf: Uint8Array, spec: ObjectSpec, name: string): ProgramFacts {
  const frags = spec.programs.find((program) => program.name === name)?.frags ?? false;
  const nothing = { name, frags, actions: new Set(xdpActions), actionsKnown: false };
  let linked;
  try {
    linked = linkObject(elf, { cpuCount: 1, hasKfunc: () => true }, spec).programs.get(name);
  } catch {
    return { ...nothing, calls: new Set(), looksForVlan: false };
  }
  if (linked === undefined) return { ...nothing, calls: new Set(), looksForVlan: false };
  const { code, kfuncs } = linked;
  const calls = new Set([...[...helpersCalled(code)].flatMap((id) => helperName(id) ?? []), ...kfuncs]);
  const looksForVlan = comparesWithVlan(code);
  const returned = returnValues(code);
  if (returned === anyValue || calls.has('bpf_tail_call')) return { ...nothing, calls, looksForVlan };
  const actions = new Set(xdpActions.filter((_, value) => (returned >>> value) & 1));
  return { name, frags, actions, actionsKnown: true, calls, looksForVlan };
}

/** ETH_P_8021Q and ETH_P_8021AD, as they stand in the packet when read on a little-endian machine, and swapped. */
const vlanTypes: ReadonlySet<number> = new Set([0x0081, 0xa888, 0x8100, 0x88a8]);

function comparesWithVlan(code: Code): boolean {
  for (let slot = 0; slot < code.length; slot++) {
    const op = code.opcode[slot]!;
    const kind = op & 7;
    const jump = op & 0xf0;
    const compares = (kind === insnClass.jmp || kind === insnClass.jmp32) && (jump === jumpOp.eq || jump === jumpOp.ne);
    if (compares && (op & 8) === 0 && vlanTypes.has(code.imm[slot]! & 0xffff)) return true;
  }
  return false;
}
