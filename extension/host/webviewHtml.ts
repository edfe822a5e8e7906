import * as vscode from 'vscode';

/** Scripts by nonce only, styles from the extension only, nothing from the network. */
export function configureWebview(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  page: { script: 'maps' | 'packet' | 'packetTests' | 'verifier'; element: string },
): void {
  const folder = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
  webview.options = { enableScripts: true, localResourceRoots: [folder] };
  const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
  const script = webview.asWebviewUri(vscode.Uri.joinPath(folder, `${page.script}.js`));
  const codicons = webview.asWebviewUri(vscode.Uri.joinPath(folder, 'codicon.css'));
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
  ].join('; ');
  // Data, which no policy lets run; a text of it cannot end the element.
  const language = JSON.stringify(vscode.l10n.bundle ?? {}).replaceAll('<', '\\u003c');
  webview.html = `<!DOCTYPE html>
<html lang="${vscode.env.language}">
<head>
  <meta charset="UTF-8">
  <meta http-equiv="Content-Security-Policy" content="${policy}">
  <meta name="viewport" content="width=device-width, initial-scale=1.0">
  <link rel="stylesheet" href="${codicons.toString()}" id="vscode-codicon-stylesheet">
  <script nonce="${nonce}" type="application/json" id="xdp-language">${language}</script>
  <script nonce="${nonce}" type="module" src="${script.toString()}"></script>
</head>
<body><${page.element}></${page.element}></body>
</html>`;
}
