/** Which columns the counters table has. */

export interface Column {
  kind: 'sum' | 'rate' | 'cpu' | 'value' | 'idle';
  /** Index into the model's value fields; -1 for `idle`. */
  field: number;
  /** Index into the possible CPUs; -1 where it makes no sense. */
  slot: number;
  label: string;
}

export interface ColumnGroup {
  label: string;
  span: number;
}

export interface Columns {
  columns: Column[];
  /** The row above the labels; empty when it would say nothing. */
  groups: ColumnGroup[];
}

export interface ColumnLabels {
  sum: string;
  rate: string;
  value: string;
  /** With the CPU's number. */
  cpu: (cpu: number) => string;
  /** With the number of folded CPUs. */
  idle: (count: number) => string;
}

export interface ColumnRequest {
  fields: readonly { path: string; numeric: boolean }[];
  /** CPU numbers of the slots; undefined for maps with one value a key. */
  cpus: readonly number[] | undefined;
  /** Per slot: whether anything but zeros was seen. */
  active: readonly boolean[];
  showIdle: boolean;
  /** In a narrow view the sums and rates of all fields stand before the CPUs. */
  totalsFirst: boolean;
  labels: ColumnLabels;
}

export function buildColumns(request: ColumnRequest): Columns {
  return request.cpus === undefined ? singleValue(request) : perCpu(request, request.cpus);
}

function singleValue({ fields, labels }: ColumnRequest): Columns {
  const columns: Column[] = [];
  const groups: ColumnGroup[] = [];
  fields.forEach(({ path, numeric }, field) => {
    const label = numeric || path === '' ? labels.value : path;
    columns.push({ kind: 'value', field, slot: 0, label });
    if (numeric) columns.push({ kind: 'rate', field, slot: -1, label: labels.rate });
    groups.push({ label: numeric ? path : '', span: numeric ? 2 : 1 });
  });
  return { columns, groups: named(groups) };
}

function perCpu(request: ColumnRequest, cpus: readonly number[]): Columns {
  const { fields, labels, active, showIdle } = request;
  const shown = cpus.map((cpu, slot) => ({ cpu, slot })).filter(({ slot }) => showIdle || active[slot] === true);
  const columns: Column[] = [];
  const groups: ColumnGroup[] = [];
  const totals = (field: number): Column[] =>
    fields[field]?.numeric === true
      ? [
          { kind: 'sum', field, slot: -1, label: labels.sum },
          { kind: 'rate', field, slot: -1, label: labels.rate },
        ]
      : [];
  const add = (label: string, members: Column[]): void => {
    if (members.length > 0) groups.push({ label, span: members.length });
    columns.push(...members);
  };
  if (request.totalsFirst && fields.length > 1) {
    fields.forEach(({ path }, field) => add(path, totals(field)));
    for (const { cpu, slot } of shown) {
      add(
        labels.cpu(cpu),
        fields.map(({ path }, field) => ({ kind: 'cpu' as const, field, slot, label: path })),
      );
    }
  } else {
    fields.forEach(({ path }, field) =>
      add(path, [
        ...totals(field),
        ...shown.map(({ cpu, slot }) => ({ kind: 'cpu' as const, field, slot, label: labels.cpu(cpu) })),
      ]),
    );
  }
  const idle = cpus.length - shown.length;
  if (idle > 0) add('', [{ kind: 'idle', field: -1, slot: -1, label: labels.idle(idle) }]);
  return { columns, groups: named(groups) };
}

function named(groups: ColumnGroup[]): ColumnGroup[] {
  return groups.some(({ label }) => label !== '') ? groups : [];
}

/** Columns `first` to `last` (exclusive) of the ones that a viewport shows; `left` and `right`: pixels before and after. */
export interface Window {
  first: number;
  last: number;
}

/** Sizes in pixels; `margin`: how far beyond the viewport is drawn. */
export function visibleWindow(sizes: readonly number[], from: number, length: number, margin: number): Window {
  let first = 0;
  let at = 0;
  while (first < sizes.length && at + (sizes[first] ?? 0) < from - margin) at += sizes[first++] ?? 0;
  let last = first;
  while (last < sizes.length && at <= from + length + margin) at += sizes[last++] ?? 0;
  return { first, last };
}
