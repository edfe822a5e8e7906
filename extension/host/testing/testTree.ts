import * as vscode from 'vscode';
import type { PacketTest, TestFile } from '../../core/packetTest/model.ts';
import type { Place } from '../../core/packetTest/problems.ts';

/** Puts the tests of a file under its item; under an item for each program where it has several. Items that are there stay. */
export function showTests(
  controller: vscode.TestController,
  file: vscode.TestItem,
  text: string,
  { program, tests }: TestFile,
): void {
  const order = new Map(tests.map((test, index) => [test, index]));
  const showTest = (parent: vscode.TestItem, test: PacketTest): vscode.TestItem => {
    const item = parent.children.get(test.name) ?? controller.createTestItem(test.name, test.name, file.uri);
    item.range = rangeIn(text, test.whole);
    item.sortText = String(order.get(test)).padStart(6, '0');
    item.description = test.skip;
    return item;
  };
  const groups = new Map<string, PacketTest[]>();
  for (const test of tests) {
    const name = test.program?.value ?? program?.value ?? '';
    groups.set(name, [...(groups.get(name) ?? []), test]);
  }
  if (groups.size <= 1) {
    file.children.replace(tests.map((test) => showTest(file, test)));
    return;
  }
  const programs = [...groups].map(([name, members], index) => {
    // A test may be named like a program.
    const id = `program ${name}`;
    const label = name || vscode.l10n.t('the only program of the source');
    const item = file.children.get(id) ?? controller.createTestItem(id, label, file.uri);
    item.sortText = String(index).padStart(6, '0');
    item.children.replace(members.map((test) => showTest(item, test)));
    return item;
  });
  file.children.replace(programs);
}

/** The item of the file that an item belongs to. */
export function fileOf(item: vscode.TestItem): vscode.TestItem {
  return item.parent === undefined ? item : fileOf(item.parent);
}

/** The tests at and under an item, in the order of the file. */
export function testsUnder(item: vscode.TestItem, excluded: ReadonlySet<vscode.TestItem>): vscode.TestItem[] {
  if (excluded.has(item)) return [];
  if (item.children.size === 0) return item.parent === undefined ? [] : [item];
  return [...item.children].flatMap(([, child]) => testsUnder(child, excluded)).sort(byPlace);
}

export function byPlace(left: vscode.TestItem, right: vscode.TestItem): number {
  return left.range && right.range ? left.range.start.compareTo(right.range.start) : 0;
}

export function rangeIn(text: string, { offset, length, line, column }: Place): vscode.Range {
  const lines = text.slice(offset, offset + length).split(/\r\n|\r|\n/);
  const last = lines.at(-1)?.length ?? 0;
  const start = new vscode.Position(line - 1, column - 1);
  return new vscode.Range(start, start.translate(lines.length - 1, lines.length === 1 ? last : last - start.character));
}

/** Without the text: from the start of the place, no further than its line. */
export function rangeAt({ line, column, length }: Place): vscode.Range {
  return new vscode.Range(line - 1, column - 1, line - 1, column - 1 + length);
}
