import { typeWords } from '../catalogue/rule.ts';
import { readValue, type RegisterValue } from '../values.ts';
import { numberWords, rangeWords, toBigInt } from './numbers.ts';

/** Larger ranges of a packet pointer are marks, not proofs: include/linux/bpf_verifier.h, AT_PKT_END and BEYOND_PKT_END. */
const maxPacket = 0xffff;

/** What a register or stack slot holds, in words: `packet pointer at byte 14, 20 bytes from here proven`. */
export function valueWords(text: string): string {
  const bytes = /^([?m0rdif]*)(.*)$/s.exec(text);
  const [, head = '', rest = ''] = bytes ?? [];
  if (rest === '') return text === '0' ? '0' : slotWords(head);
  // `fp-8=mmmm5`: the upper bytes of a slot, and a number in the lower ones.
  if (/^[?m0r]{1,7}$/.test(head) && /^(?:scalar|inv|-?\d|0x)/.test(rest) && /[?m]/.test(head))
    return `${valueWords(rest)}, in the lower ${8 - head.length} bytes`;
  return plainWords(readValue(text));
}

function slotWords(bytes: string): string {
  const written = Array.from(bytes).filter((byte) => byte === 'm').length;
  const zero = Array.from(bytes).filter((byte) => byte === '0').length;
  const unset = bytes.length - written - zero;
  if (unset === 0 && written === 0) return zero === 8 ? '8 bytes of zeros' : `${zero} bytes of zeros`;
  const parts = [
    written > 0 ? `${written} bytes written` : '',
    zero > 0 ? `${zero} of zeros` : '',
    unset > 0 ? `${unset} never written` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function plainWords(value: RegisterValue): string {
  const { type, args } = value;
  switch (type) {
    case 'scalar':
      return numberWords(value);
    case 'ctx':
      return `the context${offsetWords(value)}`;
    case 'pkt':
      return `packet pointer${packetPlace(value, 'byte')}`;
    case 'pkt_meta':
      return `pointer into the packet's metadata${packetPlace(value, 'byte')}`;
    case 'pkt_end':
      return 'the end of the packet (data_end)';
    case 'map_ptr':
      return `the map ${args.get('map') ?? ''}`.trim();
    case 'map_value':
      return `value of ${mapName(value)}${sizeWords(args.get('vs'))}${offsetWords(value)}`;
    case 'map_value_or_null':
      return `value of ${mapName(value)}, or NULL: not tested yet`;
    case 'map_key':
      return `key of ${mapName(value)}${sizeWords(args.get('ks'))}${offsetWords(value)}`;
    case 'fp':
      return stackWords(value.text);
    case 'func':
      return 'a function of the program';
    default:
      return otherWords(value);
  }
}

function otherWords(value: RegisterValue): string {
  const { type, args, text } = value;
  if (/^fp\[\d+\]/.test(text)) return stackWords(text);
  const dynptr = /^dynptr_(\w+)/.exec(type)?.[1];
  if (dynptr !== undefined) return `a dynptr (${dynptr})`;
  const iterator = /^iter_(\w+)/.exec(type)?.[1];
  if (iterator !== undefined) return `an iterator (${iterator}), ${args.get('state') ?? 'open'}`;
  const maybe = type.endsWith('_or_null');
  const words = typeWords(maybe ? type.slice(0, -'_or_null'.length) : type);
  return `${words}${sizeWords(args.get('sz') ?? args.get('mem_size'))}${offsetWords(value)}${maybe ? ', or NULL: not tested yet' : ''}`;
}

/** `fp-8`, `fp0`, `fp[0]-32`. */
function stackWords(text: string): string {
  const found = /^fp(?:\[(\d+)\])?(-?\d+)?/.exec(text);
  const frame = found?.[1] === undefined ? '' : ` of frame ${found[1]}`;
  const offset = Number(found?.[2] ?? 0);
  return offset === 0 ? `the stack's top${frame}` : `address of fp${offset} on the stack${frame}`;
}

function mapName({ args }: RegisterValue): string {
  const name = args.get('map');
  return name === undefined || name === '' ? 'a map' : name;
}

function sizeWords(size: string | undefined): string {
  return size === undefined ? '' : ` (${size} bytes)`;
}

/** What is added to a pointer: a constant, and a number that is not known. */
function offsetWords({ args }: RegisterValue): string {
  const fixed = Number(args.get('off') ?? args.get('imm') ?? 0);
  const constant = fixed === 0 ? '' : ` ${fixed < 0 ? '−' : '+'} ${Math.abs(fixed)}`;
  const range = rangeWords(args);
  return `${constant}${range === undefined ? '' : ` + a number ${range}`}`;
}

/** `r` counts from the place that the pointer's constant offset counts from: what is proven from here on is less. */
function packetPlace(value: RegisterValue, unit: string): string {
  const { args } = value;
  const fixed = Number(args.get('off') ?? 0);
  const variable = args.has('id') ? rangeWords(args) : undefined;
  const place = variable === undefined ? ` at ${unit} ${fixed}` : ` at ${unit} ${fixed} + a number ${variable}`;
  const range = toBigInt(args.get('r'));
  const bytes = range === undefined || range < 0n || range > maxPacket ? 0 : Number(range) - fixed;
  if (range !== undefined && (range < 0n || range > maxPacket)) return `${place}, at or behind the end of the packet`;
  return bytes > 0
    ? `${place}, ${bytes} ${bytes === 1 ? 'byte' : 'bytes'} from here proven`
    : `${place}, nothing proven behind it`;
}
