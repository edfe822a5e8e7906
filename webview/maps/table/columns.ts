/** Which columns the table has. */

export type ColumnKind = 'sum' | 'rate' | 'delta' | 'trend' | 'min' | 'max' | 'imbalance' | 'cpu' | 'value' | 'idle';

export interface Column {
  kind: ColumnKind;
  /** Index into the model's value fields; -1 for `idle`. */
  field: number;
  /** Index into the possible CPUs; -1 where it makes no sense. */
  slot: number;
  label: string;
  /** Operand of the filter language that the rows can be sorted by; undefined where they cannot. */
  sortBy: string | undefined;
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
  delta: string;
  trend: string;
  min: string;
  max: string;
  imbalance: string;
  value: string;
  /** With the CPU's number. */
  cpu: (cpu: number) => string;
  /** With the number of folded CPUs. */
  idle: (count: number) => string;
}

/** What is shown beside sums and rates. `spread`: smallest, largest and imbalance of the CPUs. */
export interface ColumnChoice {
  delta: boolean;
  trend: boolean;
  spread: boolean;
  cpus: boolean;
  idle: boolean;
}

export interface ColumnRequest {
  fields: readonly { path: string; numeric: boolean }[];
  /** CPU numbers of the slots; undefined for maps with one value a key. */
  cpus: readonly number[] | undefined;
  /** Per slot: whether anything but zeros was seen. */
  active: readonly boolean[];
  show: ColumnChoice;
  /** In a narrow view the sums and rates of all fields stand before the CPUs. */
  totalsFirst: boolean;
  labels: ColumnLabels;
}

export function buildColumns(request: ColumnRequest): Columns {
  const first = request.fields.findIndex(({ numeric }) => numeric);
  const groups = request.cpus === undefined ? singleValue(request, first) : perCpu(request, request.cpus, first);
  const columns = groups.flatMap(({ members }) => members);
  const named = groups.some(({ label }) => label !== '');
  return { columns, groups: named ? groups.map(({ label, members }) => ({ label, span: members.length })) : [] };
}

interface Group {
  label: string;
  members: Column[];
}

function singleValue(request: ColumnRequest, first: number): Group[] {
  const { fields, labels } = request;
  return fields.map(({ path, numeric }, field) => {
    const label = numeric || path === '' ? labels.value : path;
    const value: Column = { kind: 'value', field, slot: 0, label, sortBy: operand(path) };
    if (!numeric) return { label: '', members: [value] };
    return { label: path, members: [value, ...changes(request, field, first)] };
  });
}

function perCpu(request: ColumnRequest, cpus: readonly number[], first: number): Group[] {
  const { fields, labels, active, show } = request;
  const possible = cpus.map((cpu, slot) => ({ cpu, slot }));
  const shown = show.cpus ? possible.filter(({ slot }) => show.idle || active[slot] === true) : [];
  const cpuColumn = (field: number, { cpu, slot }: { cpu: number; slot: number }, label: string): Column => {
    const path = fields[field]?.path ?? '';
    return { kind: 'cpu', field, slot, label, sortBy: path === '' ? `cpu${cpu}` : `cpu${cpu}.${path}` };
  };
  const groups: Group[] = [];
  if (request.totalsFirst && fields.length > 1) {
    fields.forEach(({ path }, field) => groups.push({ label: path, members: totals(request, field, first) }));
    for (const each of shown) {
      const members = fields.map(({ path }, field) => cpuColumn(field, each, path));
      groups.push({ label: labels.cpu(each.cpu), members });
    }
  } else {
    fields.forEach(({ path }, field) => {
      const members = shown.map((each) => cpuColumn(field, each, labels.cpu(each.cpu)));
      groups.push({ label: path, members: [...totals(request, field, first), ...members] });
    });
  }
  const idle = show.cpus ? cpus.length - shown.length : 0;
  if (idle > 0) {
    groups.push({
      label: '',
      members: [{ kind: 'idle', field: -1, slot: -1, label: labels.idle(idle), sortBy: undefined }],
    });
  }
  return groups.filter(({ members }) => members.length > 0);
}

/** What there is over all CPUs. */
function totals(request: ColumnRequest, field: number, first: number): Column[] {
  const { fields, labels, show } = request;
  const found = fields[field];
  if (found?.numeric !== true) return [];
  const by = operand(found.path);
  const column = (kind: ColumnKind, label: string, sortBy: string | undefined): Column => ({
    kind,
    field,
    slot: -1,
    label,
    sortBy,
  });
  return [
    column('sum', labels.sum, `sum(${by})`),
    ...changes(request, field, first),
    ...(show.spread
      ? [
          column('min', labels.min, `min(${by})`),
          column('max', labels.max, `max(${by})`),
          column('imbalance', labels.imbalance, `imbalance(${by})`),
        ]
      : []),
  ];
}

/**
 * How a number moves. The trend of one number a row says enough. All of them are ordered by the rate: over one period the largest
 * growth is the largest rate, and a trend ends with it.
 */
function changes({ fields, labels, show }: ColumnRequest, field: number, first: number): Column[] {
  const by = operand(fields[field]?.path ?? '');
  const column = (kind: ColumnKind, label: string, sortBy: string | undefined): Column => ({
    kind,
    field,
    slot: -1,
    label,
    sortBy,
  });
  return [
    ...(show.delta ? [column('delta', labels.delta, `rate(${by})`)] : []),
    column('rate', labels.rate, `rate(${by})`),
    ...(show.trend && field === first ? [column('trend', labels.trend, `rate(${by})`)] : []),
  ];
}

function operand(path: string): string {
  if (path === '') return 'value';
  return path.startsWith('[') ? `value${path}` : `value.${path}`;
}

/** Columns `first` to `last` (exclusive) of the ones that a viewport shows. */
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
