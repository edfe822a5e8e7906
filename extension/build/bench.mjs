import { execFileSync } from 'node:child_process';
import { build } from 'esbuild';
import { benchRequirements, productRequirements } from './requirements.mjs';
import { ensureSystemPackages } from './systemPackages.mjs';

/**
 * `npm run bench`: builds what is measured, then measures it (test/bench/main.ts says what). With `-- --page` the figures go into
 * docs/performance.md as well.
 * @param {string[]} args
 */
const npm = (...args) => execFileSync('npm', ['run', '--silent', ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
await ensureSystemPackages([...productRequirements, ...benchRequirements], { yes: process.env.CI === 'true' });
npm('build');
npm('package');
await build({
  entryPoints: ['test/bench/main.ts'],
  outfile: '.cache/bench/main.mjs',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
});
execFileSync(process.execPath, ['.cache/bench/main.mjs', ...process.argv.slice(2)], {
  stdio: ['ignore', 'inherit', 'inherit'],
});
