import { locateVariable, type Variable } from '../dwarf/scopes.ts';
import { bareType, type CType } from '../dwarf/types.ts';
import type { LogicalFrame } from './callStack.ts';
import { evaluate, type Surroundings } from './expression/evaluate.ts';
import { type Inspector, joined } from './inspector.ts';
import { tag } from '../vm/memory/regions.ts';
import type { Timeline } from './timeline.ts';
import { baseTypes, integerValue, locatedValue, type TypedValue } from './values.ts';

export interface NamedValue {
  name: string;
  value: TypedValue;
}

/** Parameters and locals of a function, the innermost block's first. One that another hides is left out. */
export function localsOf(frame: LogicalFrame, inspector: Inspector): NamedValue[] {
  const seen = new Set<string>();
  const locals: NamedValue[] = [];
  for (const scope of [...frame.scopes].reverse()) {
    for (const variable of scope.variables) {
      if (variable.name === '' || seen.has(variable.name)) continue;
      seen.add(variable.name);
      locals.push({ name: variable.name, value: variableValue(variable, frame, inspector) });
    }
  }
  return locals;
}

/** Global variables; maps and the headers' pointers to helpers are none for people. */
export function globalsOf(frame: LogicalFrame, inspector: Inspector): NamedValue[] {
  return (inspector.image.info?.globals ?? [])
    .map((variable) => ({ name: variable.name, value: variableValue(variable, frame, inspector) }))
    .filter(({ name, value }) => value.storage.kind !== 'unavailable' && !isHelper(name, value.type));
}

/** What names mean in a function, for expressions. */
export function surroundingsOf(frame: LogicalFrame, inspector: Inspector, timeline?: Timeline): Surroundings {
  const { machine, image } = inspector;
  return {
    inspector,
    ...(timeline === undefined ? {} : { timeline }),
    namedType: (name) => image.info?.namedTypes.get(name),
    variable: (name) => {
      const local = localsOf(frame, inspector).find((each) => each.name === name);
      if (local !== undefined) return local.value;
      const global = image.info?.globals.find((each) => each.name === name);
      if (global !== undefined)
        return mapValue(name, inspector, global.type) ?? variableValue(global, frame, inspector);
      if (name === '$packet') return packetValue(inspector);
      for (const type of image.info?.namedTypes.values() ?? []) {
        const bare = bareType(type);
        const member = bare.kind === 'enum' ? bare.values.find((each) => each.name === name) : undefined;
        if (member !== undefined) return integerValue(member.value, type);
      }
      return machine.maps.some((map) => map.definition.name === name)
        ? mapValue(name, inspector, { kind: 'void' })
        : undefined;
    },
  };
}

export function evaluateIn(text: string, frame: LogicalFrame, inspector: Inspector, timeline?: Timeline): TypedValue {
  return evaluate(text, surroundingsOf(frame, inspector, timeline));
}

/** The packet as an array of bytes. */
export function packetValue({ machine }: Inspector): TypedValue {
  const { frame } = machine.world;
  const count = frame.dataEnd - frame.data;
  return {
    type: { kind: 'array', element: baseTypes.byte, count },
    storage: { kind: 'memory', pointer: joined(tag.packet, frame.data) },
  };
}

function variableValue(variable: Variable, frame: LogicalFrame, inspector: Inspector): TypedValue {
  const size = frameSizeOf(frame, inspector);
  const context = inspector.expressionContext(frame.cpu, size);
  const location = locateVariable(variable, frame.address ?? 0, context);
  return locatedValue(variable.type, location, inspector, {
    register: (number) => context.register(number),
    innermost: frame.level === 0,
  });
}

function frameSizeOf({ program, slot }: LogicalFrame, { image }: Inspector): number | undefined {
  const fn = image.functionAt(program, slot);
  const start = fn === undefined ? undefined : image.addressOf(program, fn.start);
  return start === undefined ? undefined : image.info?.frameSizes.get(start);
}

/** A map's definition stands for the map itself. */
function mapValue(name: string, { machine }: Inspector, type: CType): TypedValue | undefined {
  const number = machine.maps.findIndex((map) => map.definition.name === name);
  if (number < 0) return undefined;
  return { type, storage: { kind: 'memory', pointer: joined(tag.map, number) } };
}

/** libbpf before 1.5 declares helpers as variables: `static void *(*bpf_map_lookup_elem)(…) = (void *) 1`. */
function isHelper(name: string, type: CType): boolean {
  const bare = bareType(type);
  return name.startsWith('bpf_') && bare.kind === 'pointer' && bareType(bare.target).kind === 'function';
}
