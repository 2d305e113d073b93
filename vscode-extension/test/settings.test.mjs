// What the server is told of the user's settings.
import assert from 'node:assert';
import fs from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const packageJSON = JSON.parse(fs.readFileSync(at('../package.json'), 'utf8'));

const entry = "export * from './src/settings'; export { set } from 'vscode';";
const built = await esbuild.build({
  stdin: { contents: entry, resolveDir: at('..') },
  bundle: true, write: false, platform: 'node', format: 'esm', alias: { vscode: at('vscode.mjs') },
});
const { concernsServer, serverKeys, serverSettings, set } =
  await import(`data:text/javascript;base64,${Buffer.from(built.outputFiles[0].contents).toString('base64')}`);

/** What the server is told if this is set; the defaults are those of the package. */
function told({ global = {}, workspace = {}, workspaceFolder = {} }) {
  const properties = Object.entries(packageJSON.contributes.configuration.properties);
  const defaults = Object.fromEntries(properties.map(([key, property]) => [key, property.default]));
  // rust-analyzer's own: they are not what the user has set.
  const theirs = { 'rust-analyzer.cargo.features': [], 'rust-analyzer.cargo.extraEnv': {}, 'rust-analyzer.cargo.targetDir': null };
  Object.assign(set, { default: { ...defaults, ...theirs }, global, workspace, workspaceFolder });
  return serverSettings({ extension: { packageJSON } });
}

test('nothing set: nothing told', () => {
  assert.deepStrictEqual(told({}), {});
});

test('what is set is told, nested by its dots, even if it is the default', () => {
  assert.deepStrictEqual(
    told({ global: { 'futurelens.hints.minBytes': 0, 'futurelens.hints.enable': false }, workspace: { 'futurelens.budget.bytes': 512 } }),
    { hints: { minBytes: 0, enable: false }, budget: { bytes: 512 } },
  );
});

test('the innermost place holds', () => {
  const key = 'futurelens.profile';
  assert.deepStrictEqual(told({ global: { [key]: 'a' }, workspace: { [key]: 'b' } }), { profile: 'b' });
  assert.deepStrictEqual(told({ global: { [key]: 'a' }, workspaceFolder: { [key]: 'c' } }), { profile: 'c' });
});

test('the path of the server is no setting of the server', () => {
  assert(!serverKeys({ extension: { packageJSON } }).some((key) => key.startsWith('server')));
  assert.deepStrictEqual(told({ global: { 'futurelens.server.path': '/bin/futurelens' } }), {});
});

test("rust-analyzer's settings hold where ours are not set", () => {
  const theirs = {
    'rust-analyzer.cargo.features': ['a', 'b'],
    'rust-analyzer.cargo.target': 'wasm32-wasip1',
    'rust-analyzer.cargo.targetDir': '/tmp/shared',
    'rust-analyzer.cargo.extraEnv': { A: 'x', N: 1, T: true, GONE: null },
  };
  const taken = {
    features: ['a', 'b'],
    target: 'wasm32-wasip1',
    // Not the same folder: the two would wait for each other.
    targetDir: '/tmp/shared/futurelens',
    extraEnv: { A: 'x', N: '1', T: 'true' },
  };
  assert.deepStrictEqual(told({ global: theirs }), { cargo: taken });
  assert.deepStrictEqual(told({ workspace: theirs }), { cargo: taken });
  assert.deepStrictEqual(told({ global: { 'rust-analyzer.cargo.features': 'all' } }), { cargo: { features: 'all' } });
});

test('ours win, one by one, even where they are empty', () => {
  const workspace = {
    'rust-analyzer.cargo.features': ['theirs'],
    'rust-analyzer.cargo.targetDir': '/tmp/theirs',
    'rust-analyzer.cargo.extraEnv': { THEIRS: '1' },
  };
  assert.deepStrictEqual(told({ workspace, global: { 'futurelens.cargo.features': [] } }).cargo,
    { features: [], targetDir: '/tmp/theirs/futurelens', extraEnv: { THEIRS: '1' } });
  assert.deepStrictEqual(
    told({ workspace, global: { 'futurelens.cargo.targetDir': '/tmp/ours', 'futurelens.cargo.extraEnv': { OURS: '1' } } }).cargo,
    { features: ['theirs'], targetDir: '/tmp/ours', extraEnv: { OURS: '1' } });
});

test("what of rust-analyzer's means nothing here is left out", () => {
  assert.deepStrictEqual(
    told({ global: {
      'rust-analyzer.cargo.targetDir': true, 'rust-analyzer.cargo.features': [1], 'rust-analyzer.cargo.extraEnv': 'A=1',
      'rust-analyzer.cargo.target': 7, 'rust-analyzer.cargo.allTargets': true, 'rust-analyzer.hints.enable': false,
    } }),
    {},
  );
});

test('changes of either concern the server', () => {
  const change = (changed) => ({ affectsConfiguration: (section) => `${changed}.`.startsWith(`${section}.`) });
  assert(concernsServer(change('futurelens.budget.bytes')));
  assert(concernsServer(change('rust-analyzer.cargo.features')));
  assert(!concernsServer(change('rust-analyzer.check.command')));
  assert(!concernsServer(change('editor.fontSize')));
});
