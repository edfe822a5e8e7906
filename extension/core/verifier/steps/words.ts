import { typeWords } from '../catalogue/rule.ts';
import { t, translated } from '../../text/language.ts';
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
    return t('{0}, in the lower {1} bytes', valueWords(rest), 8 - head.length);
  return plainWords(readValue(text));
}

function slotWords(bytes: string): string {
  const written = Array.from(bytes).filter((byte) => byte === 'm').length;
  const zero = Array.from(bytes).filter((byte) => byte === '0').length;
  const unset = bytes.length - written - zero;
  if (unset === 0 && written === 0) return t('{0} bytes of zeros', zero);
  const parts = [
    written > 0 ? t('{0} bytes written', written) : '',
    zero > 0 ? t('{0} of zeros', zero) : '',
    unset > 0 ? t('{0} never written', unset) : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function plainWords(value: RegisterValue): string {
  const { type, args } = value;
  switch (type) {
    case 'scalar':
      return numberWords(value);
    case 'ctx':
      return t('the context') + offsetWords(value);
    case 'pkt':
      return packetPlace(t('packet pointer'), value);
    case 'pkt_meta':
      return packetPlace(t("pointer into the packet's metadata"), value);
    case 'pkt_end':
      return t('the end of the packet (data_end)');
    case 'map_ptr':
      return t('the map {0}', args.get('map') ?? '').trim();
    case 'map_value':
      return t('value of {0}', mapName(value)) + sizeWords(args.get('vs')) + offsetWords(value);
    case 'map_value_or_null':
      return t('value of {0}, or NULL: not tested yet', mapName(value));
    case 'map_key':
      return t('key of {0}', mapName(value)) + sizeWords(args.get('ks')) + offsetWords(value);
    case 'fp':
      return stackWords(value.text);
    case 'func':
      return t('a function of the program');
    default:
      return otherWords(value);
  }
}

function otherWords(value: RegisterValue): string {
  const { type, args, text } = value;
  if (/^fp\[\d+\]/.test(text)) return stackWords(text);
  const dynptr = /^dynptr_(\w+)/.exec(type)?.[1];
  if (dynptr !== undefined) return t('a dynptr ({0})', dynptr);
  const iterator = /^iter_(\w+)/.exec(type)?.[1];
  if (iterator !== undefined) return t('an iterator ({0}), {1}', iterator, args.get('state') ?? t('open'));
  const maybe = type.endsWith('_or_null');
  const words = translated(typeWords(maybe ? type.slice(0, -'_or_null'.length) : type));
  return `${words}${sizeWords(args.get('sz') ?? args.get('mem_size'))}${offsetWords(value)}${maybe ? t(', or NULL: not tested yet') : ''}`;
}

/** `fp-8`, `fp0`, `fp[0]-32`. */
function stackWords(text: string): string {
  const found = /^fp(?:\[(\d+)\])?(-?\d+)?/.exec(text);
  const frame = found?.[1] === undefined ? '' : t(' of frame {0}', found[1]);
  const offset = Number(found?.[2] ?? 0);
  return offset === 0 ? t("the stack's top{0}", frame) : t('address of fp{0} on the stack{1}', offset, frame);
}

function mapName({ args }: RegisterValue): string {
  const name = args.get('map');
  return name === undefined || name === '' ? t('a map') : name;
}

function sizeWords(size: string | undefined): string {
  return size === undefined ? '' : t(' ({0} bytes)', size);
}

/** What is added to a pointer: a constant, and a number that is not known. */
function offsetWords({ args }: RegisterValue): string {
  const fixed = Number(args.get('off') ?? args.get('imm') ?? 0);
  const constant = fixed === 0 ? '' : ` ${fixed < 0 ? '−' : '+'} ${Math.abs(fixed)}`;
  const range = rangeWords(args);
  return `${constant}${range === undefined ? '' : ` + ${t('a number {0}', range)}`}`;
}

/** `r` counts from the place that the pointer's constant offset counts from: what is proven from here on is less. */
function packetPlace(what: string, value: RegisterValue): string {
  const { args } = value;
  const fixed = Number(args.get('off') ?? 0);
  const variable = args.has('id') ? rangeWords(args) : undefined;
  const at = variable === undefined ? String(fixed) : `${fixed} + ${t('a number {0}', variable)}`;
  const place = t('{0} at byte {1}', what, at);
  const range = toBigInt(args.get('r'));
  const bytes = range === undefined || range < 0n || range > maxPacket ? 0 : Number(range) - fixed;
  if (range !== undefined && (range < 0n || range > maxPacket))
    return t('{0}, at or behind the end of the packet', place);
  if (bytes <= 0) return t('{0}, nothing proven behind it', place);
  return bytes === 1 ? t('{0}, 1 byte from here proven', place) : t('{0}, {1} bytes from here proven', place, bytes);
}
