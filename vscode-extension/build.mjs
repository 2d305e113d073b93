// Bundles the extension, and the script of its layout view, into dist/.
import esbuild from 'esbuild';

const production = process.argv.includes('--production');
const common = { bundle: true, outdir: 'dist', minify: production, sourcemap: production ? false : 'linked', logLevel: 'warning' };
const builds = [
  { ...common, entryPoints: ['src/extension.ts'], platform: 'node', format: 'cjs', target: 'node18', external: ['vscode'] },
  { ...common, entryPoints: ['src/webview/layout.ts', 'src/webview/layout.css'], platform: 'browser', format: 'iife', target: 'chrome114' },
];
if (process.argv.includes('--watch')) {
  await Promise.all(builds.map(async (build) => (await esbuild.context(build)).watch()));
} else {
  await Promise.all(builds.map((build) => esbuild.build(build)));
}
