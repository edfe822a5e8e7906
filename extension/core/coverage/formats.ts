import { amongAll, type FileCoverage, type Totals, totalsOf } from './coverage.ts';

/**
 * lcov's tracefile: geninfo(1). A record for each test and each file that it ran, whose sum is the total; a file that no test
 * ran has one without a test. `byTest`: what ran, by a name of the test. A branch of a line that never ran is `-`.
 */
export function toLcov(
  files: readonly FileCoverage[],
  byTest: readonly { name: string; files: readonly FileCoverage[] }[],
): string {
  const names = new Set<string>();
  const records = byTest.flatMap(({ name, files: ran }) => {
    const unique = uniqueName(name, names);
    return files.flatMap((all) => {
      const own = ran.find(({ file }) => file === all.file);
      return own === undefined ? [] : [lcovRecord(amongAll(all, own), unique)];
    });
  });
  const untouched = files.filter(({ file }) => !byTest.some(({ files: ran }) => ran.some((own) => own.file === file)));
  return [...records, ...untouched.map((file) => lcovRecord(file))].map((lines) => `${lines.join('\n')}\n`).join('');
}

/** lcov allows letters, digits and underscores. */
function uniqueName(name: string, known: Set<string>): string {
  const plain = name.replace(/\W+/g, '_');
  let unique = plain;
  for (let count = 2; known.has(unique); count++) unique = `${plain}_${count}`;
  known.add(unique);
  return unique;
}

function lcovRecord(file: FileCoverage, test = ''): string[] {
  const { lines, functions, branches } = totalsOf(file);
  const named = [...file.functions].sort((a, b) => a[1].line - b[1].line);
  const byLine = <Value>(map: ReadonlyMap<number, Value>): [number, Value][] => [...map].sort((a, b) => a[0] - b[0]);
  return [
    `TN:${test}`,
    `SF:${file.file}`,
    ...named.map(([name, { line }]) => `FN:${line},${name}`),
    ...named.map(([name, { count }]) => `FNDA:${count},${name}`),
    `FNF:${functions.total}`,
    `FNH:${functions.covered}`,
    ...byLine(file.branches).flatMap(([line, list]) =>
      list.flatMap(({ taken, notTaken }, block) => {
        const ran = taken + notTaken > 0;
        return [`BRDA:${line},${block},0,${ran ? taken : '-'}`, `BRDA:${line},${block},1,${ran ? notTaken : '-'}`];
      }),
    ),
    `BRF:${branches.total}`,
    `BRH:${branches.covered}`,
    ...byLine(file.lines).map(([line, count]) => `DA:${line},${count}`),
    `LF:${lines.total}`,
    `LH:${lines.covered}`,
    'end_of_record',
  ];
}

/** Cobertura's XML: http://cobertura.sourceforge.net/xml/coverage-04.dtd. `timestampMs`: since 1970. */
export function toCobertura(files: readonly FileCoverage[], timestampMs: number): string {
  const all = files.map(totalsOf);
  const sum = (pick: (totals: Totals) => { covered: number; total: number }): { covered: number; total: number } =>
    all
      .map(pick)
      .reduce((a, b) => ({ covered: a.covered + b.covered, total: a.total + b.total }), { covered: 0, total: 0 });
  const lines = sum((totals) => totals.lines);
  const branches = sum((totals) => totals.branches);
  const counts = `lines-covered="${lines.covered}" lines-valid="${lines.total}" branches-covered="${branches.covered}" branches-valid="${branches.total}"`;
  return [
    '<?xml version="1.0"?>',
    '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">',
    `<coverage line-rate="${rate(lines)}" branch-rate="${rate(branches)}" ${counts} complexity="0" version="1" timestamp="${timestampMs}">`,
    '  <sources><source>/</source></sources>',
    '  <packages>',
    `    <package name="xdp" line-rate="${rate(lines)}" branch-rate="${rate(branches)}" complexity="0">`,
    '      <classes>',
    ...files.flatMap((file, index) => coberturaClass(file, all[index]!)),
    '      </classes>',
    '    </package>',
    '  </packages>',
    '</coverage>',
    '',
  ].join('\n');
}

function coberturaClass(file: FileCoverage, { lines, branches }: Totals): string[] {
  const name = file.file.split('/').at(-1) ?? file.file;
  const functions = [...file.functions].map(
    ([fn, { line, count }]) =>
      `          <method name="${xml(fn)}" signature="" line-rate="${count > 0 ? 1 : 0}" branch-rate="0" complexity="0"><lines><line number="${line}" hits="${count}"/></lines></method>`,
  );
  const rows = [...file.lines]
    .sort((a, b) => a[0] - b[0])
    .map(([line, count]) => {
      const ways = (file.branches.get(line) ?? []).flatMap(({ taken, notTaken }) => [taken, notTaken]);
      const covered = ways.filter((way) => way > 0).length;
      const share = ways.length === 0 ? 0 : Math.round((100 * covered) / ways.length);
      const branch =
        ways.length === 0
          ? 'branch="false"'
          : `branch="true" condition-coverage="${share}% (${covered}/${ways.length})"`;
      return `          <line number="${line}" hits="${count}" ${branch}/>`;
    });
  return [
    `        <class name="${xml(name)}" filename="${xml(file.file.replace(/^\//, ''))}" line-rate="${rate(lines)}" branch-rate="${rate(branches)}" complexity="0">`,
    '        <methods>',
    ...functions,
    '        </methods>',
    '        <lines>',
    ...rows,
    '        </lines>',
    '        </class>',
  ];
}

function rate({ covered, total }: { covered: number; total: number }): string {
  return total === 0 ? '1' : String(Math.round((10_000 * covered) / total) / 10_000);
}

const entities: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };

function xml(text: string): string {
  return text.replace(/[<>&"]/g, (character) => entities[character] ?? '').replace(/\p{Cc}/gu, '?');
}
