import { type Code, codeAddresses } from '../isa/code.ts';
import { imm64Kind, opcode } from '../isa/opcodes.ts';
import type { VmMap } from '../maps/map.ts';
import type { Memory } from '../memory/memory.ts';
import { right, tag } from '../memory/regions.ts';
import type { LinkedProgram } from './linkedObject.ts';

/** The program's code for one machine: 64-bit immediates become pointers into its memory. */
export function placeCode(program: LinkedProgram, memory: Memory, maps: readonly VmMap[]): Code {
  const { code } = program;
  const imm = code.imm.slice();
  const immHigh = code.immHigh.slice();
  let tables = 0;
  let hasTables = false;
  for (let slot = 0; slot < code.length; slot++) {
    if (code.opcode[slot] === opcode.jaRegister) hasTables = true;
    if (code.opcode[slot] !== opcode.loadImm64) continue;
    switch (code.src[slot]!) {
      case imm64Kind.mapByFd:
        immHigh[slot] = tag.map;
        break;
      case imm64Kind.mapValueByFd: {
        const region = maps[code.imm[slot]!]!.valueRegion(0, 0);
        imm[slot] = memory.starts[region]! + code.immHigh[slot]!;
        immHigh[slot] = region;
        break;
      }
      case imm64Kind.mapValueByIndex: {
        tables ||= placeTables(program, memory);
        imm[slot] = memory.starts[tables]! + code.imm[slot]!;
        immHigh[slot] = tables;
        break;
      }
      case imm64Kind.code:
        imm[slot] = code.offset[slot]!;
        immHigh[slot] = tag.code;
        break;
    }
  }
  const jumpTargets = hasTables ? [...new Set([...codeAddresses(code), ...targetsIn(program)])] : [];
  return { ...code, imm, immHigh, jumpTargets };
}

/** Entries of jump tables are pointers to code: a slot, and the tag. What leads nowhere is left out. */
function targetsIn({ code, jumpTables }: LinkedProgram): number[] {
  const view = new DataView(jumpTables.buffer, jumpTables.byteOffset, jumpTables.byteLength);
  const targets: number[] = [];
  for (let at = 0; at + 8 <= jumpTables.length; at += 8) {
    const target = view.getInt32(at, true);
    const known = view.getInt32(at + 4, true) === tag.code && target >= 0 && target < code.length;
    if (known && code.opcode[target] !== 0) targets.push(target);
  }
  return targets;
}

function placeTables(program: LinkedProgram, memory: Memory): number {
  const { jumpTables, name } = program;
  const region = memory.allocateRegion(jumpTables.length, right.read, { kind: 'data', name: `jump tables of ${name}` });
  memory.bytes.set(jumpTables, memory.starts[region]);
  return region;
}
