import { Call, type Helper } from '../helpers/call.ts';
import { helpers, unknownHelper } from '../helpers/table.ts';
import type { World } from '../helpers/world.ts';
import { accessBytes, modeBits } from '../isa/opcodes.ts';
import type { Memory } from '../memory/memory.ts';
import { Fault, right, tag } from '../memory/regions.ts';
import type { Cpu } from './cpu.ts';
import type { Outside } from './interpreter.ts';

/** Bytes of struct xdp_md. */
const contextBytes = 24;

/** What a kernel function call means: the program it stands in knows the names. */
export interface Program {
  kfunc(slot: number): { name: string; kfunc: Helper | undefined };
  /** Why an instruction was replaced by a call that must not be reached. */
  poisoned(slot: number): string | undefined;
}

/** Connects a running program with helpers and context. One a machine. */
export class Environment implements Outside {
  readonly memory: Memory;
  private readonly world: World;
  private readonly call: Call;
  private readonly programOf: (cpu: Cpu) => Program | undefined;

  constructor(cpu: Cpu, world: World, programOf: (cpu: Cpu) => Program | undefined) {
    this.memory = world.memory;
    this.world = world;
    this.call = new Call(cpu, world);
    this.programOf = programOf;
  }

  helper(cpu: Cpu, id: number): void {
    const helper = helpers.get(id);
    if (helper === undefined) {
      const missing = this.programOf(cpu)?.poisoned(cpu.slot - 1);
      if (missing !== undefined) throw new Fault('instruction', `the target kernel does not have ${missing} (CO-RE)`);
      throw unknownHelper(id);
    }
    this.call.name = helper.name;
    helper.run(this.call);
  }

  kfunc(cpu: Cpu, slot: number): void {
    const { name, kfunc } = this.programOf(cpu)?.kfunc(slot) ?? { name: 'this kernel function', kfunc: undefined };
    if (kfunc === undefined) throw new Fault('helper', `${name} is not available in the built-in machine`);
    this.call.name = name;
    kfunc.run(this.call);
  }

  /** The fields of struct xdp_md as the kernel rewrites their reads: net/core/filter.c, xdp_convert_ctx_access(). */
  loadContext(cpu: Cpu, d: number, offset: number, op: number): void {
    const size = accessBytes(op);
    if (offset < 0 || offset + size > contextBytes) {
      throw new Fault(
        'memory',
        `read of ${size} bytes at offset ${offset} of the context, which has ${contextBytes} bytes`,
      );
    }
    if (size !== 4 || offset % 4 !== 0 || (op & 0xe0) !== modeBits.mem) {
      throw new Fault(
        'memory',
        `read of ${size} bytes at offset ${offset} of the context: its fields are read as 4 bytes`,
      );
    }
    const index = offset / 4;
    cpu.lo[d] = this.contextField(index);
    cpu.hi[d] = index < 3 ? tag.packet : 0;
  }

  get processor(): number {
    return this.world.inputs.cpu ?? 0;
  }

  contextField(index: number): number {
    const { frame, context } = this.world;
    switch (index) {
      case 0:
        return frame.data;
      case 1:
        return frame.dataEnd;
      case 2:
        return frame.dataMeta;
      case 3:
        return context.ingressIfindex;
      case 4:
        return context.rxQueueIndex;
      default:
        return context.egressIfindex;
    }
  }
}

/** A region of 8 bytes for keys that helpers show to callbacks. */
export function keyScratch(memory: Memory): number {
  return memory.allocateRegion(8, right.read, { kind: 'map key', name: '' });
}
