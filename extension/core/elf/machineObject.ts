/** Machines that the kernel compiles BPF for and disassemblers know: e_machine of elf(5). */
export const elfMachines = { x64: 62, arm64: 183, riscv64: 243, s390x: 22, ppc64: 21, loong64: 258 } as const;

const headerBytes = 64;
const sectionHeaderBytes = 64;

/**
 * Machine code as a file that any disassembler takes: a 64-bit executable of one section `.text` at `address`, with nothing to
 * run. Source: the System V ABI, chapter 4.
 */
export function machineObject(code: Uint8Array, machine: number, address: bigint): Uint8Array {
  const names = '\0.text\0.shstrtab\0';
  const namesAt = headerBytes + code.length;
  const tableAt = Math.ceil((namesAt + names.length) / 8) * 8;
  const bytes = new Uint8Array(tableAt + 3 * sectionHeaderBytes);
  const view = new DataView(bytes.buffer);
  const little = machine !== elfMachines.s390x;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, little ? 1 : 2, 1]);
  view.setUint16(16, 2, little); // ET_EXEC
  view.setUint16(18, machine, little);
  view.setUint32(20, 1, little);
  view.setBigUint64(40, BigInt(tableAt), little);
  view.setUint16(52, headerBytes, little);
  view.setUint16(58, sectionHeaderBytes, little);
  view.setUint16(60, 3, little);
  view.setUint16(62, 2, little);
  bytes.set(code, headerBytes);
  for (let at = 0; at < names.length; at++) bytes[namesAt + at] = names.charCodeAt(at);
  const section = (index: number, fields: SectionFields): void => {
    const at = tableAt + index * sectionHeaderBytes;
    view.setUint32(at, fields.name, little);
    view.setUint32(at + 4, fields.type, little);
    view.setBigUint64(at + 8, fields.flags, little);
    view.setBigUint64(at + 16, fields.address, little);
    view.setBigUint64(at + 24, BigInt(fields.offset), little);
    view.setBigUint64(at + 32, BigInt(fields.size), little);
    view.setBigUint64(at + 48, 1n, little);
  };
  section(1, { name: 1, type: 1, flags: 6n, address, offset: headerBytes, size: code.length });
  section(2, { name: 7, type: 3, flags: 0n, address: 0n, offset: namesAt, size: names.length });
  return bytes;
}

interface SectionFields {
  name: number;
  type: number;
  flags: bigint;
  address: bigint;
  offset: number;
  size: number;
}
