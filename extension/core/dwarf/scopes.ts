import { evaluateLocation, type ExpressionContext, type Location } from './expression.ts';
import type { LineProgram } from './lineTable.ts';
import { type AddressRange, type LocationEntry, locationsOf, rangesOf } from './lists.ts';
import { at, tag } from './numbers.ts';
import type { CType, TypeTable } from './types.ts';
import { type Die, numberOf, referenceOf, textOf, type Unit } from './units.ts';

/** A function, a call of one that was inlined, or a block with variables of its own. */
export interface Scope {
  kind: 'function' | 'inlined' | 'block';
  /** Empty for blocks. */
  name: string;
  ranges: readonly AddressRange[];
  variables: readonly Variable[];
  children: readonly Scope[];
  declared: SourceLine | undefined;
  /** Of an inlined call: where it is called. */
  call: SourceLine | undefined;
  /** What a function returns. */
  result: CType;
}

export interface SourceLine {
  file: string;
  /** 1-based. */
  line: number;
}

export interface Variable {
  name: string;
  type: CType;
  kind: 'parameter' | 'local' | 'global';
  declared: SourceLine | undefined;
  /** A value that is the same everywhere. */
  constant: bigint | Uint8Array | undefined;
  locations: readonly LocationEntry[];
  unit: Unit;
}

/** Where a variable is while the program is at `address`. */
export function locateVariable(variable: Variable, address: number, context: ExpressionContext): Location {
  const { constant, locations, unit } = variable;
  if (typeof constant === 'bigint') return { kind: 'value', value: BigInt.asUintN(64, constant) };
  if (constant !== undefined) return { kind: 'bytes', bytes: constant };
  const entry =
    locations.find(({ range }) => range !== undefined && address >= range.start && address < range.end) ??
    locations.find(({ range }) => range === undefined);
  if (entry !== undefined) return evaluateLocation(entry.expression, unit, context);
  const why = locations.length === 0 ? 'the compiler left it out' : 'the compiler keeps no copy of it here';
  return { kind: 'unavailable', why };
}

/** Origins of origins; a cycle would be damage. */
const maxOrigins = 16;

/** Turns entries into scopes and variables. */
export class ScopeReader {
  private readonly dies: ReadonlyMap<number, Die>;
  private readonly types: TypeTable;
  private readonly lines: ReadonlyMap<Unit, LineProgram>;

  constructor(dies: ReadonlyMap<number, Die>, types: TypeTable, lines: ReadonlyMap<Unit, LineProgram>) {
    this.dies = dies;
    this.types = types;
    this.lines = lines;
  }

  /** The functions of a unit that have code. */
  functions({ root }: Unit): Scope[] {
    return (root?.children ?? [])
      .filter((die) => die.tag === tag.subprogram)
      .map((die) => this.scope(die, 'function'))
      .filter(({ ranges }) => ranges.length > 0);
  }

  /** Global variables, and static ones of functions, that have a place. */
  globals({ root }: Unit): Variable[] {
    return (root?.children ?? [])
      .filter((die) => die.tag === tag.variable)
      .map((die) => ({ ...this.variable(die), kind: 'global' as const }))
      .filter(({ locations, constant }) => locations.length > 0 || constant !== undefined);
  }

  private scope(die: Die, kind: Scope['kind']): Scope {
    const origin = this.withAttribute(die, at.name);
    const variables = die.children
      .filter((child) => child.tag === tag.variable || child.tag === tag.formalParameter)
      .map((child) => this.variable(child));
    const children = die.children.flatMap((child) => {
      if (child.tag === tag.inlinedSubroutine) return [this.scope(child, 'inlined')];
      if (child.tag === tag.lexicalBlock) return [this.scope(child, 'block')];
      return [];
    });
    const returns = this.withAttribute(die, at.type);
    return {
      kind,
      name: origin === undefined ? '' : (textOf(origin, at.name) ?? ''),
      ranges: rangesOf(die),
      variables,
      children,
      declared: this.declaration(die),
      call: this.place(die, at.callFile, at.callLine),
      result: returns === undefined ? { kind: 'void' } : this.types.typeOf(returns),
    };
  }

  private variable(die: Die): Variable {
    const named = this.withAttribute(die, at.name);
    const typed = this.withAttribute(die, at.type);
    const constant = this.withAttribute(die, at.constValue)?.attributes.get(at.constValue);
    const known = constant?.kind === 'constant' || constant?.kind === 'block';
    return {
      name: named === undefined ? '' : (textOf(named, at.name) ?? ''),
      type: typed === undefined ? { kind: 'void' } : this.types.typeOf(typed),
      kind: die.tag === tag.formalParameter ? 'parameter' : 'local',
      declared: this.declaration(die),
      constant: known ? constant.value : undefined,
      locations: locationsOf(die),
      unit: die.unit,
    };
  }

  private declaration(die: Die): SourceLine | undefined {
    const declared = this.withAttribute(die, at.declLine);
    return declared === undefined ? undefined : this.place(declared, at.declFile, at.declLine);
  }

  private place(die: Die, fileAttribute: number, lineAttribute: number): SourceLine | undefined {
    const line = numberOf(die, lineAttribute);
    const file = this.lines.get(die.unit)?.files[numberOf(die, fileAttribute) ?? 0];
    return line === undefined || file === undefined ? undefined : { file, line };
  }

  /** The entry itself, or the one that it stands for, which has the attribute. */
  private withAttribute(die: Die, attribute: number): Die | undefined {
    let from: Die | undefined = die;
    for (let depth = 0; from !== undefined && depth < maxOrigins; depth++) {
      if (from.attributes.has(attribute)) return from;
      const origin: number | undefined = referenceOf(from, at.abstractOrigin) ?? referenceOf(from, at.specification);
      from = origin === undefined ? undefined : this.dies.get(origin);
    }
    return undefined;
  }
}
