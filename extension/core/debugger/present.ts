import { bareType, type CType, sizeOfType, typeText } from '../dwarf/types.ts';
import { decodeUtf8 } from '../elf/utf8.ts';
import { isAddressName, isMacName } from '../maps/fieldNames.ts';
import { formatIpv4, formatIpv6, formatMac } from '../maps/text.ts';
import { memberAt } from './expression/members.ts';
import { tag } from '../vm/memory/regions.ts';
import { halves, type Inspector } from './inspector.ts';
import { describePointer } from './pointers.ts';
import { bytesOf, dereference, NoValue, numberOf, partOf, type TypedValue } from './values.ts';

/** A value as a debugger shows it. */
export interface Presented {
  text: string;
  /** As C declares it. */
  type: string;
  /** What it consists of; empty for plain values. Made when it is asked for. */
  children(): { name: string; value: TypedValue }[];
  hasChildren: boolean;
  /** Where its bytes are, or for a pointer those that it points to. */
  memory: bigint | undefined;
  /** Its value can be set. */
  isPlain: boolean;
}

const maxElements = 1000;
const shownElements = 8;
/** Values inside values that a text spells out. Damaged debug information has arrays of themselves. */
const shownDepth = 4;

/** `name` says what a value without a telling type is: an address, a MAC. Never throws. */
export function present(value: TypedValue, name: string, inspector: Inspector, depth = 0): Presented {
  const bare = bareType(value.type);
  const memory = value.storage.kind === 'memory' ? value.storage.pointer : undefined;
  const shown: Presented = {
    text: '',
    type: typeText(value.type),
    children: () => [],
    hasChildren: false,
    memory,
    isPlain: bare.kind === 'base' || bare.kind === 'enum' || bare.kind === 'pointer',
  };
  if (memory !== undefined && halves(memory).high === tag.map) {
    return { ...shown, text: describePointer(memory, inspector.machine, inspector.image), isPlain: false };
  }
  try {
    const inside = { inspector, depth: depth + 1 };
    switch (bare.kind) {
      case 'struct':
      case 'union':
        shown.children = () =>
          bare.members.map((member) => ({
            name: member.name === '' ? `{${bareType(member.type).kind}}` : member.name,
            value: memberAt(value, member),
          }));
        shown.hasChildren = bare.members.length > 0;
        bytesOf(value, inspector);
        shown.text = depth < shownDepth ? summary(value, inside) : '{…}';
        break;
      case 'array':
        shown.children = () => elements(value, bare.element, bare.count ?? 0);
        shown.hasChildren = (bare.count ?? 0) > 0;
        shown.text = depth < shownDepth ? arrayText(value, bare.element, name, inside) : '[…]';
        break;
      case 'pointer':
        presentPointer(shown, value, inspector);
        break;
      case 'base':
      case 'enum':
        shown.text = scalarText(value, name, inspector);
        break;
      default:
        shown.text = shown.type;
    }
  } catch (error) {
    if (!(error instanceof NoValue)) throw error;
    shown.text = `<${error.message}>`;
    shown.hasChildren = false;
    shown.isPlain = false;
  }
  return shown;
}

function presentPointer(shown: Presented, value: TypedValue, inspector: Inspector): void {
  const pointer = numberOf(value, inspector);
  const { machine, image } = inspector;
  shown.text = describePointer(pointer, machine, image);
  if (pointer === 0n) return;
  shown.memory = pointer;
  const target = dereference(value, inspector);
  const bare = bareType(target.type);
  if (bare.kind === 'void' || bare.kind === 'function' || sizeOfType(target.type) === 0) return;
  if (bare.kind === 'base' && bare.encoding === 'char') {
    const text = textAt(pointer, inspector);
    if (text !== undefined) shown.text += ` ${JSON.stringify(text)}`;
  }
  shown.hasChildren = inspector.read(pointer, sizeOfType(target.type)) !== undefined;
  shown.children = () =>
    bare.kind === 'struct' || bare.kind === 'union'
      ? present(target, '', inspector).children()
      : [{ name: '*', value: target }];
}

interface Inside {
  inspector: Inspector;
  depth: number;
}

/** `{first = 5, second = 1000, …}`. */
function summary(value: TypedValue, { inspector, depth }: Inside): string {
  const bare = bareType(value.type);
  if (bare.kind !== 'struct' && bare.kind !== 'union') return '';
  const named = bare.members.filter((member) => member.name !== '');
  const parts = named.slice(0, shownElements).map((member) => {
    const part = memberAt(value, member);
    const inner = bareType(member.type).kind;
    const text = inner === 'struct' || inner === 'union' ? '{…}' : present(part, member.name, inspector, depth).text;
    return `${member.name} = ${text}`;
  });
  return `{${[...parts, ...(named.length < bare.members.length || named.length > shownElements ? ['…'] : [])].join(', ')}}`;
}

function elements(value: TypedValue, element: CType, count: number): { name: string; value: TypedValue }[] {
  const size = sizeOfType(element);
  return Array.from({ length: Math.min(count, maxElements) }, (_, index) => ({
    name: `[${index}]`,
    value: partOf(value, element, index * size),
  }));
}

function arrayText(value: TypedValue, element: CType, name: string, { inspector, depth }: Inside): string {
  const bare = bareType(element);
  const bytes = bytesOf(value, inspector);
  if (bare.kind === 'base' && bare.size === 1) {
    if (bytes.length === 6 && isMacName(name)) return formatMac(bytes);
    if (bytes.length === 16 && isAddressName(name)) return formatIpv6(bytes);
    if (bare.encoding === 'char') {
      const end = bytes.indexOf(0);
      const text = decodeUtf8(bytes, 0, end < 0 ? bytes.length : end);
      if (text !== undefined && !/[\p{Cc}]/u.test(text)) return JSON.stringify(text);
    }
    return hexBytes(bytes);
  }
  const whole = bareType(value.type);
  const count = whole.kind === 'array' ? (whole.count ?? 0) : 0;
  const shown = elements(value, element, Math.min(count, shownElements)).map(
    (each) => present(each.value, name, inspector, depth).text,
  );
  return `[${[...shown, ...(count > shownElements ? ['…'] : [])].join(', ')}]`;
}

function scalarText(value: TypedValue, name: string, inspector: Inspector): string {
  const bare = bareType(value.type);
  const number = numberOf(value, inspector);
  if (bare.kind === 'enum') {
    const known = bare.values.find((each) => each.value === number);
    return known === undefined ? String(number) : `${known.name} (${number})`;
  }
  if (bare.kind !== 'base') return String(number);
  if (bare.encoding === 'bool') return number === 0n ? 'false' : 'true';
  if (isNetworkOrder(value.type)) return networkText(bytesOf(value, inspector), name);
  if (bare.encoding === 'char' && number >= 32n && number < 127n)
    return `${number} '${String.fromCharCode(Number(number))}'`;
  return bare.encoding === 'float' ? hexBytes(bytesOf(value, inspector)) : String(number);
}

/** __be16, __be32, __be64, and the checksums. */
export function isNetworkOrder(type: CType): boolean {
  let at = type;
  for (let depth = 0; depth < 16 && (at.kind === 'typedef' || at.kind === 'qualified'); depth++) {
    if (at.kind === 'typedef' && /^(__be|be|__sum)(16|32|64)$/.test(at.name)) return true;
    at = at.target;
  }
  return false;
}

function networkText(bytes: Uint8Array, name: string): string {
  if (bytes.length === 4 && isAddressName(name)) return `${formatIpv4(bytes)} (network order)`;
  let number = 0n;
  for (const byte of bytes) number = (number << 8n) | BigInt(byte);
  return `${number} (0x${number.toString(16).padStart(2 * bytes.length, '0')}, network order)`;
}

function textAt(pointer: bigint, inspector: Inspector): string | undefined {
  const bytes = inspector.read(pointer, Math.min(64, inspector.bytesLeft(pointer)));
  const end = bytes?.indexOf(0) ?? -1;
  const text = bytes === undefined || end < 0 ? undefined : decodeUtf8(bytes, 0, end);
  return text !== undefined && !/[\p{Cc}]/u.test(text) ? text : undefined;
}

export function hexBytes(bytes: Uint8Array, limit = 32): string {
  const shown = Array.from(bytes.subarray(0, limit), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > limit ? `${shown} …` : shown;
}
