import { translated } from '../../core/text/language.ts';
import { inWords } from '../errors.ts';
import * as vscode from 'vscode';
import type { XdpError } from '../../core/errors.ts';
import { fromHex } from '../../core/maps/text.ts';
import type { Value } from '../../core/maps/value.ts';
import { dissect } from '../../core/packet/dissect.ts';
import { shownField } from '../../core/packetTest/packetDiff.ts';
import { problemInWords, TestFileInvalid } from '../../core/packetTest/problems.ts';
import type { Difference, Failure, TestResult } from '../../core/packetTest/result.ts';
import { rangeAt } from './testTree.ts';

const shownDifferences = 8;
const shownValueChars = 120;

/** What stands at the expectation that does not hold; expected and actual are texts that can be compared line by line. */
export function failureMessage(uri: vscode.Uri, failure: Failure): vscode.TestMessage {
  const { differences, expected, actual, sides } = failure;
  const more = differences.length - shownDifferences;
  const message = new vscode.TestMessage(
    [
      translated(failure.message),
      ...differences.slice(0, shownDifferences).map((each) => differenceText(each, sides)),
      ...(more > 0 ? [vscode.l10n.t('and {0} more', more)] : []),
    ]
      .map(printable)
      .join('\n'),
  );
  message.location = new vscode.Location(uri, rangeAt(failure.place));
  const packets = packetsOf(failure);
  if (packets !== undefined) {
    message.expectedOutput = comparedText(packets.expected, differences, 'expected');
    message.actualOutput = comparedText(packets.actual, differences, 'actual');
  } else if (expected !== undefined || actual !== undefined) {
    message.expectedOutput = valueText(expected);
    message.actualOutput = valueText(actual);
  } else if (differences.length > 0) {
    message.expectedOutput = differences.map((each) => `${each.what}: ${valueText(each.expected)}`).join('\n');
    message.actualOutput = differences.map((each) => `${each.what}: ${valueText(each.actual)}`).join('\n');
  }
  return message;
}

/** Why a test could not run. */
export function problemMessage(uri: vscode.Uri, result: TestResult): vscode.TestMessage {
  const { problem } = result;
  const words = inWords({ message: problem?.message ?? '', fix: problem?.fix }, '\n');
  const message = new vscode.TestMessage(printable(words));
  message.location = new vscode.Location(uri, rangeAt(problem?.place ?? result.place));
  return message;
}

/** Why no test of a file could run, at each of them. */
export function fileMessage(item: vscode.TestItem, problem: XdpError): vscode.TestMessage {
  const message = new vscode.TestMessage(printable(problemText(problem)));
  if (item.uri) message.location = new vscode.Location(item.uri, firstLine(item.range));
  return message;
}

function problemText(problem: XdpError): string {
  if (problem instanceof TestFileInvalid) {
    return [vscode.l10n.t('This is not a valid packet test file:'), ...problem.problems.map(problemInWords)].join('\n');
  }
  // Its fix is for the command line; here the Problems panel lists them.
  if (problem.code === 'compile-failed') return `${translated(problem.message)}\n${vscode.l10n.t('See Problems.')}`;
  return inWords(problem, '\n');
}

function firstLine(range: vscode.Range | undefined): vscode.Range {
  const start = range?.start ?? new vscode.Position(0, 0);
  return new vscode.Range(start, start);
}

function differenceText({ what, expected, actual }: Difference, sides: Failure['sides']): string {
  if (sides !== undefined) {
    return vscode.l10n.t('{0}: kernel {1}, machine {2}', what, shortText(expected), shortText(actual));
  }
  return vscode.l10n.t('{0}: expected {1}, got {2}', what, shortText(expected), shortText(actual));
}

/** Both in hexadecimal, where a failure is about whole packets. */
function packetsOf({ path, expected, actual }: Failure): { expected: string; actual: string } | undefined {
  const isPackets = path.endsWith('.packet') && typeof expected === 'string' && typeof actual === 'string';
  return isPackets ? { expected, actual } : undefined;
}

/**
 * First where the packets differ, then the whole of one. VS Code's badge in the text has room for the first and the last 14
 * characters: so the first difference is the end as well.
 */
function comparedText(hex: string, differences: readonly Difference[], side: 'expected' | 'actual'): string {
  const lines = differences.map((each) => `${each.what} ${shortText(each[side])}`);
  return [...lines, '', packetText(hex), ...lines.slice(0, 1)].join('\n');
}

/** A packet for a comparison line by line: a line for each field, then the bytes. */
export function packetText(hex: string): string {
  const bytes = fromHex(hex) ?? new Uint8Array(0);
  const layers = dissect(bytes).layers.flatMap(({ name, fields }) => [
    name,
    ...fields
      .filter(({ bitLength, value }) => bitLength > 0 || value instanceof Uint8Array || Array.isArray(value))
      .map((field) => `  ${field.name.padEnd(10)} ${shortText(shownField(name, field))}`),
  ]);
  const rows = hex.match(/.{1,32}/g) ?? [];
  const dump = rows.map((row, index) => {
    const offset = (index * 16).toString(16).padStart(4, '0');
    return `${offset}  ${row.replace(/(..)(?=.)/g, '$1 ')}`;
  });
  return [...layers, '', vscode.l10n.t('{0} bytes', bytes.length), ...dump, ''].join('\n');
}

function shortText(value: Value): string {
  const text = value === null || value === '' ? vscode.l10n.t('nothing') : valueText(value, 0);
  return text.length > shownValueChars ? `${text.slice(0, shownValueChars)}…` : text;
}

function valueText(value: Value | undefined, indent = 2): string {
  if (value === undefined || value === null) return vscode.l10n.t('nothing');
  return typeof value === 'string' ? value : JSON.stringify(value, null, indent);
}

/** Control characters of a packet, a map or a program's own words do nothing to a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\p{Bidi_Control}]/gu, (char) =>
    char === '\n' || char === '\t' ? char : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
