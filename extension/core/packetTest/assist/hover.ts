import type { Layout } from '../../maps/layout.ts';
import type { MapSpec, ObjectSpec } from '../../object/spec.ts';
import { headers } from '../../packet/headers/table.ts';
import { t } from '../../text/language.ts';
import { cursorAt } from './cursor.ts';
import { placeOf } from './places.ts';
import { layoutText, mapText } from './suggest.ts';

/** What there is to say about a name in a test file, from its source. Lines of plain text. */
export interface Hover {
  span: { offset: number; length: number };
  lines: string[];
}

export function hoverAt(text: string, offset: number, spec: ObjectSpec): Hover | undefined {
  const cursor = cursorAt(text, offset);
  if (cursor === undefined || cursor.span.length === 0) return undefined;
  const place = placeOf(cursor, spec, () => undefined);
  const { typed, span } = cursor;
  switch (place?.kind) {
    case 'program': {
      const program = spec.programs.find(({ name, section }) => name === typed || section === typed);
      if (program === undefined) return undefined;
      return {
        span,
        lines: [`${program.name} — ${t('SEC("{0}"), {1} instructions', program.section, program.insns)}`],
      };
    }
    case 'mapName': {
      const map = spec.maps.find(({ name }) => name === typed);
      return map && { span, lines: mapLines(map) };
    }
    case 'value': {
      const field = cursor.at === 'name' ? fieldOf(place.layout, typed) : place.layout;
      return field && { span, lines: [`${cursor.at === 'name' ? `${typed}: ` : ''}${layoutText(field)}`] };
    }
    case 'packetField': {
      const [layer, name] = typed.split('.');
      const header = headers.get((layer ?? '').replace(/:\d+$/, ''));
      const field = header?.fields.find((each) => each.name === name);
      return (
        field && { span, lines: [`${t(header?.label ?? '')}: ${t(field.label)}`, `${t(field.help)} ${field.rfc}`] }
      );
    }
    default:
      return undefined;
  }
}

function mapLines(map: MapSpec): string[] {
  const { inner } = map;
  return [
    `${map.name} — ${mapText(map)}`,
    ...(inner === undefined ? [] : [t('Its maps are like this: {0}', mapText(inner))]),
  ];
}

function fieldOf(layout: Layout | undefined, name: string): Layout | undefined {
  if (layout?.kind !== 'struct' && layout?.kind !== 'union') return undefined;
  return layout.fields.find((field) => field.name === name)?.layout;
}
