import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cache } from '../../extension/build/paths.mjs';
import { ensureVSCodeServer } from '../../extension/build/vscodeInstall.mjs';
import { installVsix, quietSettings, startServer } from '../../extension/build/vscodeServer.mjs';
import type { TestUser } from './kernelUser.ts';
import { giveTo } from './vscodeUser.ts';

export interface TestServerOptions {
  /** A packaged extension, installed as a user would. */
  vsix?: string;
  /** Folders of extensions that are there before it starts, by the names that VS Code gives them: `publisher.name-version`. */
  extensions?: Readonly<Record<string, string>>;
  /**
   * False: workspace trust is on, as users have it, and the folder is not trusted (Restricted Mode).
   * Default true: the question does not come up.
   */
  trust?: boolean;
  /**
   * True: the page's address says which extension and which tests to load (see workbenchUrl). VS Code then shows no
   * notifications and no dialogs, so that only tests inside the extension host use it.
   */
  readsPayload?: boolean;
  settings?: Record<string, unknown>;
  env?: NodeJS.ProcessEnv;
  /** Whose VS Code it is; default: whoever runs the tests. */
  user?: TestUser;
}

export interface TestServer {
  url: string;
  /** Also its process group. */
  pid: number;
  /** The user's settings: VS Code sees a change at once. */
  settingsFile: string;
  /** Holds everything of it, and goes with it. */
  folder: string;
  log: string;
  stop(): Promise<void>;
}

/** Starts a VS Code server that knows nothing of earlier ones: own home, own settings, own extensions. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { vsix, trust = true } = options;
  const install = await ensureVSCodeServer();
  const folder = mkdtempSync(path.join(tmpdir(), 'xdp-vscode-test-'));
  const extensionsDir = path.join(folder, 'extensions');
  const dataDir = path.join(folder, 'server');
  mkdirSync(path.join(folder, 'tmp'));
  if (vsix !== undefined) cpSync(await installedExtensions(vsix), extensionsDir, { recursive: true });
  for (const [name, from] of Object.entries(options.extensions ?? {}))
    cpSync(from, path.join(extensionsDir, name), { recursive: true });
  const own = options.user === undefined ? undefined : giveTo(options.user, { install, folder, dataDir });
  const server = await startServer({
    install,
    ...own,
    dataDir,
    extensionsDir,
    workspaceTrust: !trust,
    settings: {
      ...quietSettings,
      'git.enabled': false,
      'files.simpleDialog.enable': true,
      // Settings and other editors open as tabs, not above everything.
      'workbench.editor.useModal': 'off',
      'security.workspace.trust.startupPrompt': 'never',
      ...options.settings,
    },
    args: options.readsPayload ? ['--enable-smoke-test-driver'] : [],
    env: { HOME: folder, TMPDIR: path.join(folder, 'tmp'), ...options.env },
  });
  return {
    url: server.url,
    pid: server.pid,
    settingsFile: path.join(dataDir, 'data/User/settings.json'),
    folder,
    log: server.log,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

const installations = new Map<string, Promise<string>>();

/** The extensions folder after installing the file. Once for all servers of this process, since it takes a second. */
function installedExtensions(vsix: string): Promise<string> {
  const known = installations.get(vsix);
  if (known) return known;
  const made = (async () => {
    const dataDir = path.join(cache, 'vscode', `installed-${process.pid}`);
    process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }));
    const extensionsDir = path.join(dataDir, 'extensions');
    await installVsix(await ensureVSCodeServer(), { vsix, dataDir, extensionsDir });
    return extensionsDir;
  })();
  installations.set(vsix, made);
  return made;
}
