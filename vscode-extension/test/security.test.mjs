// What a project, a page or a workspace's settings may not do.
import assert from 'node:assert';
import fs from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const packageJSON = JSON.parse(fs.readFileSync(at('../package.json'), 'utf8'));
const sources = fs
  .readdirSync(at('../src'), { recursive: true })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => [name, fs.readFileSync(at(`../src/${name}`), 'utf8')]);

const built = await esbuild.build({
  stdin: { contents: "export { fromView } from './src/layoutPanel';", resolveDir: at('..') },
  bundle: true, write: false, platform: 'node', format: 'esm', alias: { vscode: at('vscode.mjs') },
});
const { fromView } = await import(`data:text/javascript;base64,${Buffer.from(built.outputFiles[0].contents).toString('base64')}`);

test('nothing is trusted before the workspace is', () => {
  const { supported, restrictedConfigurations } = packageJSON.capabilities.untrustedWorkspaces;
  assert.strictEqual(supported, 'limited');
  // What names a program, a toolchain, a folder or an environment, or leads the compiler to a file.
  const dangerous = ['server.path', 'toolchain', 'cargo.target', 'cargo.targetDir', 'cargo.extraEnv'];
  assert.deepStrictEqual([...restrictedConfigurations].sort(), dangerous.map((key) => `futurelens.${key}`).sort());
  const properties = packageJSON.contributes.configuration.properties;
  for (const key of restrictedConfigurations) assert(properties[key], key);
  // The rest are switches, numbers and words; a profile and features are the project's own.
  const free = Object.entries(properties).filter(([key, { type }]) => type === 'string' && !restrictedConfigurations.includes(key));
  const words = free.filter(([, property]) => !property.enum).map(([key]) => key);
  assert.deepStrictEqual(words, ['futurelens.profile']);
});

test('a page says only what it may say', () => {
  for (const message of [
    { type: 'ready' },
    { type: 'back' },
    { type: 'copy' },
    { type: 'open', id: 'a' },
    { type: 'follow', on: true },
    { type: 'go', state: null, held: null },
    { type: 'go', state: 3, held: 0 },
  ]) {
    assert.deepStrictEqual(fromView(message), message);
    assert.deepStrictEqual(fromView({ ...message, uri: 'command:evil' }), message, 'and nothing more');
  }
  for (const message of [
    undefined, null, 'ready', 7, [], {}, { type: 'evil' }, { type: 'constructor' }, { type: ['ready'] },
    { type: 'open' }, { type: 'open', id: { toString: 'x' } }, { type: 'follow', on: 'true' },
    { type: 'go' }, { type: 'go', state: 'length', held: 0 }, { type: 'go', state: '__proto__', held: null },
    { type: 'go', state: -1, held: null }, { type: 'go', state: 0.5, held: null }, { type: 'go', state: NaN, held: null },
  ]) {
    assert.strictEqual(fromView(message), undefined, JSON.stringify(message));
  }
});

test('nothing from a project becomes markup', () => {
  for (const [name, text] of sources) {
    for (const word of ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write', 'eval(', 'new Function', 'isTrusted = ', 'isTrusted: true', 'supportHtml', 'MarkdownString', 'shell: true', 'enableCommandUris: true']) {
      assert(!text.includes(word), `${word} in ${name}`);
    }
  }
});

test('the layout view loads its own style and script and nothing else', () => {
  const panel = sources.find(([name]) => name === 'layoutPanel.ts')[1];
  const policy = /`(default-src [^`]*)`/.exec(panel)[1].split('; ');
  assert.deepStrictEqual(policy, [
    "default-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    'style-src ${webview.cspSource}',
    "script-src 'nonce-${nonce}'",
  ]);
  assert(/randomBytes\(16\)/.test(panel));
  const page = panel.slice(panel.indexOf('return `<!DOCTYPE html>'));
  assert.deepStrictEqual([...page.matchAll(/<script[^>]*>/g)].map(([tag]) => tag), ['<script nonce="${nonce}" src="${uri(\'layout.js\')}">']);
  assert(!/<style| on[a-z]+="| style="/.test(page));
});
