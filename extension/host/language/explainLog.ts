import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import type { VerifierFailure } from '../../session/verify.ts';
import type { Services } from '../services.ts';

/** `XDP: Explain Verifier Log`: the selection, the open log, or what is in the clipboard, told in words beside it. */
export async function explainLogCommand({ textViews }: Services): Promise<void> {
  const { explainText } = await import('../../session/verify.ts');
  const text = await logText();
  const failures = explainText(text);
  if (failures.length === 0) {
    throw new XdpError('usage', vscode.l10n.t('There is no failure of the verifier in this text.'), {
      fix: vscode.l10n.t('Select the log in an editor, or copy it, with its last lines; then run the command again.'),
    });
  }
  const content = failures.map(describe).join('\n\n---\n\n');
  await textViews.show(`${vscode.l10n.t('Verifier log explained')}.md`, `${content}\n`);
}

/** The selection, the open log, or what is in the clipboard. */
export async function logText(): Promise<string> {
  const editor = vscode.window.activeTextEditor;
  if (editor !== undefined && !editor.selection.isEmpty) return editor.document.getText(editor.selection);
  const looksLikeLog =
    editor !== undefined && /^\s*\d+: \([0-9a-f]{2}\) |^processed \d+ insns/m.test(editor.document.getText());
  if (looksLikeLog || editor?.document.languageId === 'bpf-verifier-log') return editor?.document.getText() ?? '';
  return await vscode.env.clipboard.readText();
}

/** The log's own text can hold anything: as code it stays text. */
function describe({
  program,
  code,
  file,
  line,
  message,
  explanation,
  fix,
  story,
  log,
}: VerifierFailure & { program: string | null }): string {
  const place = file === null || line === null ? '' : ` (${plain(file)}:${line})`;
  const title = program === null ? vscode.l10n.t('Rejected') : vscode.l10n.t('{0} was rejected', plain(program));
  return [
    `## ${title}: ${code}${place}`,
    plain(explanation),
    ...(fix === undefined ? [] : [`**${vscode.l10n.t('What to do')}:** ${plain(fix)}`]),
    ...(story.length === 0
      ? []
      : [story.map((step) => `- ${plain(step.file)}:${step.line}: ${plain(step.text)}`).join('\n')]),
    `**${vscode.l10n.t('The verifier’s words')}:** \`${message.replaceAll('`', "'")}\``,
    `\`\`\`\`bpf-verifier-log\n${log.replaceAll('````', "''''").trimEnd()}\n\`\`\`\``,
  ].join('\n\n');
}

/** On one line, and without a meaning in Markdown but for what stands between backticks. */
function plain(text: string): string {
  const parts = text.replaceAll(/[\r\n]+/g, ' ').split('`');
  return parts
    .map((part, index) => (index % 2 === 0 ? part.replaceAll(/[<[\]]/g, (char) => `\\${char}`) : part))
    .join('`');
}
