import { Cursor } from './cursor.ts';
import { at } from './numbers.ts';
import { readForm } from './forms.ts';
import { type Die, textOf } from './units.ts';

/** One row: from `address` on, the code belongs to this place. */
export interface LineRow {
  address: number;
  /** As the compiler wrote it, made absolute with the compile folder. */
  file: string;
  /** 1-based; 0 where code belongs to no line. */
  line: number;
  column: number;
  /** A good place to stop. */
  isStatement: boolean;
  /** The function's arguments are in place from here on. */
  prologueEnd: boolean;
  /** Not a row of code: the address after the last instruction of its sequence. */
  endSequence: boolean;
}

export interface LineProgram {
  /** By DWARF's file number. */
  files: readonly string[];
  rows: readonly LineRow[];
}

interface Header {
  version: number;
  minInstruction: number;
  defaultIsStatement: boolean;
  lineBase: number;
  lineRange: number;
  opcodeBase: number;
  operands: number[];
}

/** The line program of a unit: DWARF 5, section 6.2. */
export function readLineProgram(root: Die): LineProgram {
  const start = root.attributes.get(at.stmtList);
  if (start?.kind !== 'offset') return { files: [], rows: [] };
  const { line } = root.unit.sections;
  const outer = new Cursor(line, start.value);
  const length = outer.u32();
  const cursor = new Cursor(line, outer.at, outer.at + length);
  const version = cursor.u16();
  if (version < 2 || version > 5) throw cursor.damaged(`has line numbers of version ${version}, and 2 to 5 are known`);
  if (version >= 5) cursor.bytes(2);
  const headerLength = cursor.u32();
  const programStart = cursor.at + headerLength;
  const minInstruction = cursor.u8();
  if (version >= 4) cursor.u8();
  const header: Header = {
    version,
    minInstruction,
    defaultIsStatement: cursor.u8() !== 0,
    lineBase: cursor.i8(),
    lineRange: cursor.u8(),
    opcodeBase: cursor.u8(),
    operands: [0],
  };
  if (header.lineRange === 0) throw cursor.damaged('has a line range of 0');
  for (let opcode = 1; opcode < header.opcodeBase; opcode++) header.operands.push(cursor.u8());
  const files = version >= 5 ? readFiles(cursor, root) : readOldFiles(cursor, root);
  return { files, rows: runProgram(new Cursor(line, programStart, cursor.end), header, files) };
}

const contentType = { path: 1, directory: 2 } as const;

function readFiles(cursor: Cursor, root: Die): string[] {
  const table = (): { path: string; directory: number }[] => {
    const formats = Array.from({ length: cursor.u8() }, () => [cursor.count(), cursor.count()] as const);
    const count = cursor.count();
    const entries: { path: string; directory: number }[] = [];
    // An entry without fields would cost nothing and so could be there four thousand million times.
    if (formats.length === 0 && count > 0) throw cursor.damaged('has a table of files without fields');
    for (let i = 0; i < count; i++) {
      const entry = { path: '', directory: 0 };
      for (const [content, form] of formats) {
        const value = readForm(cursor, form, root.unit, 0n);
        if (content === contentType.path) {
          entry.path = textOf({ ...root, attributes: new Map([[at.name, value]]) }, at.name) ?? '';
        } else if (content === contentType.directory && value.kind === 'constant') {
          entry.directory = Number(value.value);
        }
      }
      entries.push(entry);
    }
    return entries;
  };
  const directories = table().map(({ path }) => path);
  return table().map(({ path, directory }) => absolute(path, directories[directory], directories[0]));
}

function readOldFiles(cursor: Cursor, root: Die): string[] {
  const folder = textOf(root, at.compDir) ?? '';
  const directories = [folder];
  for (let text = cursor.text(); text !== ''; text = cursor.text()) directories.push(text);
  const files = [absolute(textOf(root, at.name) ?? '', folder, folder)];
  for (let path = cursor.text(); path !== ''; path = cursor.text()) {
    files.push(absolute(path, directories[cursor.count()], folder));
    cursor.uleb();
    cursor.uleb();
  }
  return files;
}

function absolute(path: string, directory: string | undefined, folder: string | undefined): string {
  const isAbsolute = (text: string): boolean => text.startsWith('/') || /^[a-zA-Z]:[\\/]/.test(text);
  if (isAbsolute(path) || directory === undefined || directory === '') return path;
  const base = isAbsolute(directory) || folder === undefined ? directory : `${folder}/${directory}`;
  return `${base}/${path}`;
}

/** Standard opcodes; higher ones advance address and line together. */
const standard = {
  copy: 1,
  advancePc: 2,
  advanceLine: 3,
  setFile: 4,
  setColumn: 5,
  negateStatement: 6,
  basicBlock: 7,
  constAddPc: 8,
  fixedAdvancePc: 9,
  prologueEnd: 10,
  epilogueBegin: 11,
  setIsa: 12,
} as const;
const extended = { endSequence: 1, setAddress: 2 } as const;

function runProgram(cursor: Cursor, header: Header, files: readonly string[]): LineRow[] {
  const rows: LineRow[] = [];
  const initial = {
    address: 0,
    file: 1,
    line: 1,
    column: 0,
    isStatement: header.defaultIsStatement,
    prologueEnd: false,
  };
  let state = { ...initial };
  const emit = (endSequence = false): void => {
    rows.push({ ...state, file: files[state.file] ?? '', endSequence });
    state.prologueEnd = false;
  };
  const advance = (operations: number): void => {
    state.address += operations * header.minInstruction;
  };
  while (!cursor.done) {
    const opcode = cursor.u8();
    if (opcode >= header.opcodeBase) {
      const adjusted = opcode - header.opcodeBase;
      advance(Math.floor(adjusted / header.lineRange));
      state.line += header.lineBase + (adjusted % header.lineRange);
      emit();
      continue;
    }
    switch (opcode) {
      case 0: {
        const length = cursor.count();
        const next = cursor.at + length;
        const sub = length === 0 ? 0 : cursor.u8();
        if (sub === extended.endSequence) {
          emit(true);
          state = { ...initial };
        } else if (sub === extended.setAddress) state.address = cursor.address();
        if (next > cursor.end) throw cursor.damaged('has an instruction that does not end');
        cursor.at = next;
        break;
      }
      case standard.copy:
        emit();
        break;
      case standard.advancePc:
        advance(cursor.count());
        break;
      case standard.advanceLine:
        state.line += Number(cursor.sleb());
        break;
      case standard.setFile:
        state.file = cursor.count();
        break;
      case standard.setColumn:
        state.column = cursor.count();
        break;
      case standard.negateStatement:
        state.isStatement = !state.isStatement;
        break;
      case standard.constAddPc:
        advance(Math.floor((255 - header.opcodeBase) / header.lineRange));
        break;
      case standard.fixedAdvancePc:
        state.address += cursor.u16();
        break;
      case standard.prologueEnd:
        state.prologueEnd = true;
        break;
      case standard.basicBlock:
      case standard.epilogueBegin:
        break;
      default:
        for (let i = 0; i < (header.operands[opcode] ?? 0); i++) cursor.uleb();
    }
  }
  return rows;
}
