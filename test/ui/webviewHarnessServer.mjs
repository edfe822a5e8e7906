/** Bundles the webviews with a simulated host, and serves them on 127.0.0.1 under the extension's strict CSP. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';
import { chromium } from 'playwright-core';
import * as rolldown from 'rolldown';
import { webviewModules, webviewParts } from '../../extension/build/webviewModules.mjs';
import { themes } from './webviewHarnessThemes.mjs';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const out = path.join(root, '.cache/webviewHarness');

const types = `
typedef unsigned int __u32; typedef unsigned long long __u64; typedef unsigned short __u16; typedef unsigned char __u8;
typedef __u32 __be32; typedef __u16 __be16;
struct datarec { __u64 rx_packets; __u64 rx_bytes; };
struct flow_key { __be32 saddr; __be32 daddr; __be16 sport; __be16 dport; __u8 proto; __u8 pad[3]; };
struct flow { __u64 packets; __u64 bytes; __u32 last_seen; char name[8]; };
struct { __u32 k; struct datarec v; struct flow_key fk; struct flow fv; __u64 u; } anchor;
`;

export async function build() {
  mkdirSync(out, { recursive: true });
  const object = path.join(out, 'types.o');
  execFileSync('clang', ['-g', '-O1', '-target', 'bpf', '-x', 'c', '-c', '-', '-o', object], { input: types });
  const common = {
    bundle: true,
    absWorkingDir: root,
    logLevel: 'warning',
    target: 'es2022',
    loader: { '.css': 'text', '.log': 'text' },
  };
  // As the product has them, chunks and all: the policy below must let them in.
  await rolldown.build(webviewModules({ outdir: out, sourcemap: false }));
  await esbuild.build({
    ...common,
    entryPoints: {
      host: 'test/ui/webviewHarnessHost.mjs',
      farHost: 'test/ui/webviewHarnessFar.mjs',
      huge: 'test/ui/webviewHarnessHuge.mjs',
    },
    outdir: out,
    format: 'iife',
  });
  await esbuild.build({
    ...common,
    stdin: { contents: "export { parseObject } from './extension/core/object/parseObject.ts';", resolveDir: root },
    outfile: path.join(out, 'core.mjs'),
    format: 'esm',
  });
  const { parseObject } = await import(path.join(out, 'core.mjs'));
  const { btfBytes } = parseObject(readFileSync(object));
  writeFileSync(path.join(out, 'types.btf'), btfBytes);
  for (const name of ['codicon.css', 'codicon.ttf']) {
    cpSync(path.join(root, 'node_modules/@vscode/codicons/dist', name), path.join(out, name));
  }
}

const elements = {
  maps: 'xdp-maps-view',
  packet: 'xdp-packet-panel',
  packetTests: 'xdp-test-editor',
  verifier: 'xdp-verifier-view',
};

function page(view, query) {
  const theme = themes[query.get('theme') ?? 'dark'];
  const variables = Object.entries(theme.variables).map(([name, value]) => `${name}: ${value};`);
  const nonce = 'harness';
  const language = query.get('lang') ?? 'en';
  const texts =
    language === 'en'
      ? '{}'
      : readFileSync(path.join(root, `extension/host/l10n/bundle.l10n.${language}.json`), 'utf8');
  const imported = Object.entries(webviewParts)
    .filter(([, pages]) => pages.includes(view))
    .map(([part]) => `<link rel="modulepreload" nonce="${nonce}" href="chunks/${part}.js">`);
  const isHuge = query.get('scene') === 'huge';
  // As VS Code does (its webview/browser/pre/index.html): what it adds stands in the page, before the policy forbids that. A host that
  // is no more than its messages does too; those that simulate everything are a file.
  const css = `html { ${variables.join(' ')} scrollbar-color: var(--vscode-scrollbarSlider-background) transparent; }
    body { background: var(--vscode-${view === 'maps' ? 'sideBar' : 'editor'}-background); color: var(--vscode-editor-foreground);
    font-family: var(--vscode-font-family); font-size: 13px; margin: 0; padding: 0 20px; }`;
  const added = isHuge ? `<script>${readFileSync(path.join(out, 'farHost.js'), 'utf8')}</script>` : '';
  const host = isHuge ? '' : `<script nonce="${nonce}" src="host.js"></script>`;
  // The policy is the one of extension/host/webviewHtml.ts, and what the simulated host needs.
  return `<!DOCTYPE html><html lang="${language}"><head><style>${css}</style>${added}<meta charset="UTF-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-${nonce}'; style-src 'self'; font-src 'self'; connect-src 'self'; worker-src 'self'">
    ${imported.join('')}
    <link rel="stylesheet" href="codicon.css" id="vscode-codicon-stylesheet">
    <script nonce="${nonce}" type="application/json" id="xdp-language">${texts.replaceAll('<', '\\u003c')}</script>
    ${host}
    <script nonce="${nonce}" type="module" src="${view}.js"></script></head>
    <body class="${theme.bodyClass}"><${elements[view]}></${elements[view]}></body></html>`;
}

const contentTypes = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.ttf': 'font/ttf',
  '.btf': 'application/octet-stream',
};

/** @param {number} port 0: any that is free */
export function serve(port) {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const name = path.basename(url.pathname);
    try {
      if (name === 'host.html') {
        // Only the host of the scene `huge`, which lives as long as this page.
        response.setHeader('content-type', 'text/html');
        response.end('<!DOCTYPE html><script src="farHost.js"></script>');
      } else if (name.endsWith('.html')) {
        response.setHeader('content-type', 'text/html');
        response.end(page(name.slice(0, -5), url.searchParams));
      } else {
        response.setHeader('content-type', contentTypes[path.extname(name)] ?? 'application/octet-stream');
        response.end(readFileSync(path.join(out, path.normalize(url.pathname))));
      }
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

export function launchChromium() {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
    ],
  });
}
