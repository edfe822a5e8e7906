import { sizeOf, stripModifiers, typeAt } from '../btf/resolve.ts';
import { typeName } from '../btf/typeName.ts';
import type { Btf, BtfMember, BtfType } from '../btf/types.ts';
import { XdpError } from '../errors.ts';
import { mapTypeName } from '../maps/types.ts';
import type { MapSpec } from './spec.ts';

/**
 * Maps declared in the `.maps` section: a struct per map whose members carry numbers as array lengths (`__uint`) and types
 * as pointers (`__type`). Source: libbpf's bpf_helpers.h and libbpf.c, parse_btf_map_def.
 */
export function btfMaps(btf: Btf, warnings: string[]): MapSpec[] {
  const maps: MapSpec[] = [];
  for (const type of btf.types) {
    if (type.kind !== 'datasec' || type.name !== '.maps') continue;
    for (const { type: id } of type.vars) {
      const variable = typeAt(btf, id);
      if (maps.length === maxMaps) throw badMap(variable.name, `it is one of more than ${maxMaps} maps`);
      if (variable.kind !== 'var') throw badMap('(unnamed)', 'its entry in the .maps section is no variable');
      maps.push(readMap(btf, variable.name, variable.type, warnings));
    }
  }
  return maps;
}

/** Far beyond what anybody declares: one struct shared by very many hostile maps must not cost their product. */
const maxMaps = 4096;
const maxAttributes = 64;

const prefilled = { flags: 0, keySize: 0, valueSize: 0, maxEntries: 0, keyTypeId: 0, valueTypeId: 0 } as const;

function readMap(btf: Btf, name: string, typeId: number, warnings: string[]): MapSpec {
  const { type: definition } = stripModifiers(btf, typeId);
  if (definition.kind !== 'struct') throw badMap(name, 'it is not defined as a struct');
  if (definition.members.length > maxAttributes) throw badMap(name, 'its definition has too many attributes');
  const map: MapSpec = {
    name,
    type: 'unspec',
    ...prefilled,
    keyType: undefined,
    valueType: undefined,
    pinning: 'none',
    globalData: false,
  };
  for (const member of definition.members) readAttribute(btf, map, member, warnings);
  if (map.type === 'unspec') throw badMap(name, 'its definition has no type');
  return map;
}

function readAttribute(btf: Btf, map: MapSpec, member: BtfMember, warnings: string[]): void {
  switch (member.name) {
    case 'type':
      map.type = mapTypeName(uintAttribute(btf, map, member));
      return;
    case 'max_entries':
      map.maxEntries = uintAttribute(btf, map, member);
      return;
    case 'map_flags':
      map.flags = uintAttribute(btf, map, member);
      return;
    case 'pinning':
      map.pinning = uintAttribute(btf, map, member) === 1 ? 'by-name' : 'none';
      return;
    case 'key_size':
      map.keySize = uintAttribute(btf, map, member);
      return;
    case 'value_size':
      map.valueSize = uintAttribute(btf, map, member);
      return;
    case 'key':
      map.keyTypeId = typeAttribute(btf, map, member);
      map.keySize = sized(btf, map, member, map.keyTypeId, map.keySize);
      map.keyType = typeName(btf, map.keyTypeId);
      return;
    case 'value':
      map.valueTypeId = typeAttribute(btf, map, member);
      map.valueSize = sized(btf, map, member, map.valueTypeId, map.valueSize);
      map.valueType = typeName(btf, map.valueTypeId);
      return;
    case 'values':
      // The maps or programs that fill a map-in-map or a prog_array: a file descriptor each.
      map.valueSize = 4;
      readInner(btf, map, member, warnings);
      return;
    case 'numa_node':
    case 'map_extra':
      return;
    default:
      warnings.push(`The map ${map.name} has the attribute ${member.name}, which libbpf does not know.`);
  }
}

/** `__array(values, struct inner)` is an array of pointers to the definition of the inner maps, which have no inner ones. */
function readInner(btf: Btf, map: MapSpec, member: BtfMember, warnings: string[]): void {
  const array = stripModifiers(btf, member.type).type;
  const pointer = array.kind === 'array' ? stripModifiers(btf, array.type).type : array;
  if (pointer.kind !== 'ptr' || map.name.endsWith(innerName)) return;
  const definition = stripModifiers(btf, pointer.type).type;
  if (definition.kind === 'struct') map.inner = readMap(btf, `${map.name}${innerName}`, pointer.type, warnings);
}

/** As libbpf names it: libbpf.c, parse_btf_map_def(). */
const innerName = '.inner';

function uintAttribute(btf: Btf, map: MapSpec, member: BtfMember): number {
  const pointer = stripModifiers(btf, member.type).type;
  if (pointer.kind === 'ptr') {
    const array = typeAt(btf, pointer.type);
    if (array.kind === 'array') return array.nelems;
  }
  // libbpf 1.4 and newer also write a number as a one-constant enum: __ulong().
  if (pointer.kind === 'enum' && pointer.values.length === 1)
    return Number(BigInt.asUintN(32, pointer.values[0]?.value ?? 0n));
  throw badMap(map.name, `its attribute ${member.name} is not written with __uint()`);
}

function typeAttribute(btf: Btf, map: MapSpec, member: BtfMember): number {
  const pointer: BtfType = typeAt(btf, member.type);
  if (pointer.kind === 'ptr') return pointer.type;
  throw badMap(map.name, `its attribute ${member.name} is not written with __type()`);
}

function sized(btf: Btf, map: MapSpec, member: BtfMember, typeId: number, declared: number): number {
  const size = sizeOf(btf, typeId);
  if (size === undefined)
    throw badMap(map.name, `the type of its ${member.name}, ${typeName(btf, typeId)}, has no size`);
  if (declared !== 0 && declared !== size) {
    throw badMap(map.name, `its ${member.name} has ${size} bytes, but ${member.name}_size says ${declared}`);
  }
  return size;
}

function badMap(name: string, why: string): XdpError {
  return new XdpError('object-damaged', `The map ${name} cannot be read: ${why}.`, {
    fix: 'Define it as libbpf does: struct { __uint(type, …); __uint(max_entries, …); __type(key, …); __type(value, …); } name SEC(".maps");',
    details: { map: name },
  });
}
