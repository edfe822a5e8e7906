import * as vscode from 'vscode';
import parts from './webviewParts.json';

/** Scripts by nonce only, styles from the extension only, nothing from the network. */
export function configureWebview(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  page: { script: 'maps' | 'packet' | 'packetTests' | 'verifier'; element: string },
): void {
  const folder = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
  webview.options = { enableScripts: true, localResourceRoots: [folder] };
  const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
  const uri = (...names: string[]): string => webview.asWebviewUri(vscode.Uri.joinPath(folder, ...names)).toString();
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
  ].join('; ');
  // Data, which no policy lets run; a text of it cannot end the element.
  const language = JSON.stringify(vscode.l10n.bundle ?? {}).replaceAll('<', '\\u003c');
  // Else the browser knows what the script imports only when it has the script, and asks for it in a second round.
  const imported = Object.entries(parts)
    .filter(([, pages]) => pages.includes(page.script))
    .map(([part]) => `<link rel="modulepreload" nonce="${nonce}" href="${uri('chunks', `${part}.js`)}">`);
  webview.html = `<!DOCTYPE html>
<html lang="${vscode.env.language}">
<head>
  <meta charset="UTF-8">
  <meta http-equiv="Content-Security-Policy" content="${policy}">
  <meta name="viewport" content="width=device-width, initial-scale=1.0">
  ${imported.join('\n  ')}
  <link rel="stylesheet" href="${uri('codicon.css')}" id="vscode-codicon-stylesheet">
  <script nonce="${nonce}" type="application/json" id="xdp-language">${language}</script>
  <script nonce="${nonce}" type="module" src="${uri(`${page.script}.js`)}"></script>
</head>
<body><${page.element}></${page.element}></body>
</html>`;
}
