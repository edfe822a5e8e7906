import { XdpError } from '../../errors.ts';
import {
  type ElfFile,
  type ElfRelocation,
  type ElfSymbol,
  elfBinding,
  elfSectionFlag,
  elfSymbolType,
} from '../../elf/readElf.ts';
import type { ProgramPlace } from '../../object/programs.ts';
import type { ObjectSpec, ProgramSpec } from '../../object/spec.ts';
import { subprogramsOf } from '../../object/subprograms.ts';
import { InvalidInstruction } from '../isa/code.ts';
import { decode } from '../isa/decode.ts';
import { callKind, imm64Kind, opcode, slotBytes } from '../isa/opcodes.ts';
import { tag } from '../memory/regions.ts';
import type { CoreResult } from './applyCore.ts';
import type { Kconfig } from './kconfig.ts';
import type { LinkedFunction, LinkedProgram, LinkOptions } from './linkedObject.ts';

export interface ProgramInput {
  elf: ElfFile;
  spec: ObjectSpec;
  options: LinkOptions;
  kconfig: Kconfig;
  core: CoreResult;
  functions: readonly ProgramPlace[];
  remarks: string[];
}

/** The helper that libbpf calls where CO-RE has no answer: libbpf.c, 0xbad2310. */
const poisonedHelper = 0xbad2310;

/** R_BPF_*: Documentation/bpf/llvm_reloc.rst. */
const relocationType = { imm64: 1, call: 10 } as const;

/** A program with the subprograms that it reaches behind it, and its relocations resolved: libbpf.c, bpf_object__relocate(). */
export function linkProgram(input: ProgramInput, spec: ProgramSpec, place: ProgramPlace): LinkedProgram {
  return new ProgramLinker(input, spec).link(place);
}

class ProgramLinker {
  private readonly input: ProgramInput;
  private readonly spec: ProgramSpec;
  private readonly functions: LinkedFunction[] = [];
  private readonly kfuncs: string[] = [];
  private readonly poisoned = new Map<number, string>();
  private total = 0;
  private jumpTables = new Uint8Array(0);

  constructor(input: ProgramInput, spec: ProgramSpec) {
    this.input = input;
    this.spec = spec;
  }

  link(place: ProgramPlace): LinkedProgram {
    this.add(place);
    // In the order of libbpf, so that an instruction has the number that the verifier's log gives it.
    for (const subprogram of subprogramsOf(this.input.elf, place)) this.add(subprogram);
    const parts: Uint8Array[] = [];
    // Functions are added to the end of the list while it is walked.
    for (const fn of this.functions) parts.push(this.relocate(fn));
    const bytes = new Uint8Array(this.total * slotBytes);
    for (const [index, fn] of this.functions.entries()) bytes.set(parts[index]!, fn.start * slotBytes);
    const { name, section, frags } = this.spec;
    const { functions, kfuncs, poisoned, jumpTables } = this;
    try {
      return { name, section, frags, code: decode(bytes), functions, kfuncs, poisoned, jumpTables };
    } catch (cause) {
      if (!(cause instanceof InvalidInstruction)) throw cause;
      throw new XdpError('load-failed', `The program ${name} holds what is no instruction: ${cause.message}.`, {
        cause,
      });
    }
  }

  private add(place: ProgramPlace): LinkedFunction {
    const known = this.functions.find(
      (fn) => fn.place.section.index === place.section.index && fn.place.offset === place.offset,
    );
    if (known !== undefined) return known;
    const fn = { name: place.name, start: this.total, length: place.size / slotBytes, place };
    this.functions.push(fn);
    this.total += fn.length;
    return fn;
  }

  /** The function's bytes with everything in place that does not depend on memory. */
  private relocate(fn: LinkedFunction): Uint8Array {
    const { place } = fn;
    const { elf, core } = this.input;
    const bytes = (core.sections.get(place.section.index) ?? place.section.data).slice(
      place.offset,
      place.offset + place.size,
    );
    const view = new DataView(bytes.buffer);
    const relocations = new Map<number, ElfRelocation>();
    for (const relocation of elf.relocations.get(place.section.index) ?? [])
      relocations.set(relocation.offset, relocation);
    for (let slot = 0; slot < fn.length; slot++) {
      const at = slot * slotBytes;
      const relocation = relocations.get(place.offset + at);
      const problem = core.poisoned.get(place.section.index)?.get(place.offset + at);
      if (problem !== undefined) {
        slot += this.poison(view, fn, slot, problem);
        continue;
      }
      if (relocation !== undefined) this.apply(view, fn, slot, relocation);
      else if (view.getUint8(at) === opcode.call && view.getUint8(at + 1) >> 4 === callKind.local) {
        this.pointCall(
          view,
          fn,
          slot,
          this.functionAt(place.section.index, place.offset + at + slotBytes + view.getInt32(at + 4, true) * slotBytes),
        );
      }
      if (view.getUint8(at) === opcode.loadImm64) slot++;
    }
    return bytes;
  }

  /** Puts a call that must not be reached in an instruction's place, as libbpf does; returns how many more slots it took. */
  private poison(view: DataView, fn: LinkedFunction, slot: number, problem: string): number {
    const slots = view.getUint8(slot * slotBytes) === opcode.loadImm64 ? 2 : 1;
    for (let at = slot; at < slot + slots; at++) {
      view.setBigUint64(at * slotBytes, 0n, true);
      view.setUint8(at * slotBytes, opcode.call);
      view.setInt32(at * slotBytes + 4, poisonedHelper, true);
      this.poisoned.set(fn.start + at, problem);
    }
    return slots - 1;
  }

  private apply(view: DataView, fn: LinkedFunction, slot: number, relocation: ElfRelocation): void {
    const { elf } = this.input;
    const symbol = elf.symbols[relocation.symbol];
    if (symbol === undefined) throw this.broken(`it refers to symbol ${relocation.symbol}, which does not exist`);
    const at = slot * slotBytes;
    const op = view.getUint8(at);
    if (relocation.type === relocationType.call && op === opcode.call) {
      if (symbol.section === 0) return this.callKernel(view, slot, symbol);
      const target = symbol.value + (view.getInt32(at + 4, true) + 1) * slotBytes;
      return this.pointCall(view, fn, slot, this.functionAt(symbol.section, target));
    }
    if (relocation.type === relocationType.imm64 && op === opcode.loadImm64)
      return this.loadAddress(view, fn, slot, symbol);
    throw this.broken(
      `it has a relocation of type ${relocation.type} at instruction ${slot}, which libbpf does not take`,
    );
  }

  private loadAddress(view: DataView, fn: LinkedFunction, slot: number, symbol: ElfSymbol): void {
    const { elf, spec } = this.input;
    const at = slot * slotBytes;
    const section = elf.sections[symbol.section];
    const addend = view.getInt32(at + 4, true);
    const set = (kind: number, low: number, high: number): void => {
      view.setUint8(at + 1, (view.getUint8(at + 1) & 15) | (kind << 4));
      view.setInt32(at + 4, low, true);
      view.setInt32(at + slotBytes + 4, high, true);
    };
    if (symbol.section === 0 || section === undefined) return this.loadExtern(symbol, set);
    if (section.name === '.maps' || section.name === 'maps') {
      const map = spec.maps.findIndex((each) => each.name === this.mapName(symbol, addend));
      if (map < 0) throw this.broken(`it refers to a map at offset ${symbol.value + addend}, which is not defined`);
      return set(imm64Kind.mapByFd, map, 0);
    }
    if ((section.flags & elfSectionFlag.execInstr) !== 0) {
      const target = this.add(this.functionAt(symbol.section, symbol.value + addend));
      return set(imm64Kind.code, target.start - (fn.start + slot) - 1, 0);
    }
    if (section.name === '.jumptables') {
      this.buildJumpTable(section.data, symbol, fn);
      return set(imm64Kind.mapValueByIndex, symbol.value + addend, 0);
    }
    const data = spec.maps.findIndex((map) => map.globalData && map.name === section.name);
    if (data < 0) throw this.broken(`it refers to data in section ${section.name}, which libbpf does not load`);
    set(imm64Kind.mapValueByFd, data, symbol.value + addend);
  }

  private loadExtern(symbol: ElfSymbol, set: (kind: number, low: number, high: number) => void): void {
    const { kconfig, spec, options, remarks } = this.input;
    const offset = kconfig.offsets.get(symbol.name);
    if (offset !== undefined) {
      return set(
        imm64Kind.mapValueByFd,
        spec.maps.findIndex((map) => map.name === '.kconfig'),
        offset,
      );
    }
    if (options.hasKfunc(symbol.name)) return set(imm64Kind.value, 1, 0);
    if (symbol.binding !== elfBinding.weak) {
      throw this.broken(`it uses ${symbol.name} of the kernel, which the built-in machine does not have`);
    }
    remarks.push(`${symbol.name} of the kernel is not there: the program sees a null address.`);
    set(imm64Kind.value, 0, 0);
  }

  private callKernel(view: DataView, slot: number, symbol: ElfSymbol): void {
    const { name } = symbol;
    let index = this.kfuncs.indexOf(name);
    if (index < 0) index = this.kfuncs.push(name) - 1;
    view.setUint8(slot * slotBytes + 1, callKind.kfunc << 4);
    view.setInt32(slot * slotBytes + 4, index, true);
    view.setInt16(slot * slotBytes + 2, 0, true);
  }

  private pointCall(view: DataView, fn: LinkedFunction, slot: number, target: ProgramPlace): void {
    const { start } = this.add(target);
    view.setUint8(slot * slotBytes + 1, callKind.local << 4);
    view.setInt32(slot * slotBytes + 4, start - (fn.start + slot) - 1, true);
  }

  private functionAt(section: number, offset: number): ProgramPlace {
    const found = this.input.functions.find((place) => place.section.index === section && place.offset === offset);
    if (found !== undefined) return found;
    throw this.broken(
      `it calls what is no function, at offset ${offset} of section ${this.input.elf.sections[section]?.name}`,
    );
  }

  private mapName(symbol: ElfSymbol, addend: number): string | undefined {
    if (symbol.type !== elfSymbolType.section && symbol.name !== '') return symbol.name;
    const offset = symbol.value + addend;
    const isMap = (each: ElfSymbol): boolean => each.section === symbol.section && each.type !== elfSymbolType.section;
    return this.input.elf.symbols.find((each) => isMap(each) && each.value === offset)?.name;
  }

  /**
   * clang 22 and newer: offsets of jump targets in the section of the function that uses the table. They become pointers to code.
   * Each table is a symbol of its own; tables of functions of several sections stand together.
   */
  private buildJumpTable(data: Uint8Array, { value, size }: ElfSymbol, { place, start }: LinkedFunction): void {
    if (this.jumpTables.length === 0) this.jumpTables = new Uint8Array(data.length);
    const from = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const to = new DataView(this.jumpTables.buffer);
    const end = size === 0 ? data.length : Math.min(data.length, value + size);
    for (let at = value; at + 8 <= end; at += 8) {
      const offset = Number(from.getBigUint64(at, true)) - place.offset;
      if (offset < 0 || offset >= place.size || offset % slotBytes !== 0)
        throw this.broken(`a jump table leads out of ${place.name}, to byte ${offset}`);
      to.setInt32(at, start + offset / slotBytes, true);
      to.setInt32(at + 4, tag.code, true);
    }
  }

  private broken(why: string): XdpError {
    return new XdpError('load-failed', `The program ${this.spec.name} cannot be linked: ${why}.`, {
      fix: 'Compile it again with the headers of libbpf.',
      details: { program: this.spec.name },
    });
  }
}
