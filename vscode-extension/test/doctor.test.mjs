// How the doctor is called.
import assert from 'node:assert';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const entry = "export { doctorArguments, failure } from './src/doctor'; export { isInside } from './src/inside';";
const built = await esbuild.build({
  stdin: { contents: entry, resolveDir: at('..') },
  bundle: true, write: false, platform: 'node', format: 'esm', logLevel: 'error', alias: { vscode: at('vscode.mjs') },
});
const { doctorArguments, failure, isInside } =
  await import(`data:text/javascript;base64,${Buffer.from(built.outputFiles[0].contents).toString('base64')}`);

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'futurelens-doctor-'));
after(() => fs.rmSync(work, { recursive: true }));
const project = path.join(work, 'project');

test('nothing set: only the project is named', () => {
  assert.deepStrictEqual(doctorArguments(project, {}), ['doctor', '--format=text', project]);
  assert.deepStrictEqual(doctorArguments(project, { toolchain: 'auto', hints: { enable: false } }), ['doctor', '--format=text', project]);
});

test('what is set for the server is said to the doctor', () => {
  const cargo = { target: 'wasm32-wasip1', targetDir: 'kept', features: 'all', extraEnv: { A: 'x' } };
  assert.deepStrictEqual(doctorArguments(project, { toolchain: 'nightly', profile: 'dev', cargo }), [
    'doctor', '--format=text', '--toolchain=nightly', '--profile=dev', '--target=wasm32-wasip1',
    `--target-dir=${path.join(project, 'kept')}`, project,
  ]);
  const elsewhere = path.join(work, 'elsewhere');
  assert(doctorArguments(project, { cargo: { targetDir: elsewhere } }).includes(`--target-dir=${elsewhere}`));
});

test('a value is never an option, and what is no text is left out', () => {
  assert.deepStrictEqual(
    doctorArguments(project, { toolchain: '--output=/etc/passwd', profile: '', cargo: { target: 7, targetDir: null } }),
    ['doctor', '--format=text', '--toolchain=--output=/etc/passwd', project],
  );
});

test('in a workspace that is not trusted nothing of it is run', () => {
  assert.deepStrictEqual(doctorArguments(project, undefined), ['doctor', '--format=text', '--untrusted', project]);
});

test('a failure is one line', () => {
  assert.strictEqual(failure('/bin/futurelens', '\nerror: one\n\n  tip: two\n'), '/bin/futurelens cannot say: error: one');
  assert.strictEqual(failure('/bin/futurelens', ''), '/bin/futurelens cannot say: it says nothing');
  assert.match(failure('/bin/futurelens', "error: unrecognized subcommand 'doctor'\n"), /too old.*\/bin\/futurelens$/);
});

test('a program of the workspace is told from others', { skip: process.platform === 'win32' }, async () => {
  const outside = path.join(work, 'outside');
  const link = path.join(work, 'link');
  for (const folder of [project, outside]) fs.mkdirSync(folder);
  for (const folder of [project, outside]) fs.writeFileSync(path.join(folder, 'futurelens'), '');
  fs.symlinkSync(path.join(project, 'futurelens'), path.join(outside, 'linked'));
  fs.symlinkSync(path.join(outside, 'futurelens'), path.join(project, 'linked'));
  fs.symlinkSync(project, link);
  for (const [file, folder, is] of [
    [path.join(project, 'futurelens'), project, true],
    [path.join(outside, 'linked'), project, true],
    [path.join(project, 'linked'), project, true],
    [path.join(project, 'futurelens'), link, true],
    [path.join(link, 'futurelens'), project, true],
    [path.join(outside, 'futurelens'), project, false],
    [`${project}-two/futurelens`, project, false],
    [path.join(project, 'gone'), project, true],
  ]) {
    assert.strictEqual(await isInside(file, [folder]), is, `${file} in ${folder}`);
  }
  assert.strictEqual(await isInside(path.join(project, 'futurelens'), []), false);
  assert.strictEqual(await isInside(path.join(project, 'futurelens'), [outside, project]), true);
});
