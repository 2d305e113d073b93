// Packages with a server inside.
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const extension = fileURLToPath(new URL('..', import.meta.url));
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'futurelens-package-'));
after(() => fs.rmSync(work, { recursive: true }));

function run(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(extension, 'package.mjs'), ...args], { encoding: 'utf8' });
  assert(!fs.existsSync(path.join(extension, 'server')), 'the tree is clean');
  return { status, said: stdout + stderr };
}

/** A file that begins as a program does. */
function program(name, bytes) {
  const at = path.join(work, name);
  const start = Buffer.alloc(512);
  for (const [offset, data] of bytes) start.set(typeof data === 'string' ? Buffer.from(data, 'latin1') : data, offset);
  // It need not be executable: downloads are not.
  fs.writeFileSync(at, start, { mode: 0o644 });
  return at;
}
const linux = () => program('linux', [[0, '\x7fELF'], [18, [62, 0]]]);
const windows = () => program('windows.exe', [[0, 'MZ'], [60, [128]], [128, 'PE\0\0'], [132, [0x64, 0x86]]]);

/** The names in a zip, and the modes of the files. */
function entries(file) {
  const data = fs.readFileSync(file);
  const end = data.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const found = new Map();
  for (let at = data.readUInt32LE(end + 16), left = data.readUInt16LE(end + 10); left > 0; left--) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => data.readUInt16LE(at + offset));
    found.set(data.toString('utf8', at + 46, at + 46 + name), data.readUInt32LE(at + 38) >>> 16);
    at += 46 + name + extra + comment;
  }
  return found;
}

const ours = ['changelog.md', 'license-apache', 'license-mit', 'dist/extension.js', 'dist/layout.css', 'dist/layout.js',
  'images/icon.png', 'images/layout-dark.png', 'images/layout-light.png', 'images/view.svg', 'package.json', 'readme.md'];
/** vsce writes some of the names in small letters. */
const inside = (file) => [...entries(file).keys()].filter((name) => name.startsWith('extension/')).map((name) => name.slice(10).toLowerCase()).sort();

test('a package of a platform has the server, which can be executed', { skip: process.platform === 'win32' }, () => {
  const out = path.join(work, 'linux.vsix');
  const { status, said } = run('--out', out, 'linux-x64', linux());
  assert.strictEqual(status, 0, said);
  assert.deepStrictEqual(inside(out), [...ours, 'server/futurelens'].sort());
  assert.strictEqual(entries(out).get('extension/server/futurelens') & 0o777, 0o755);
});

test('the server of Windows is an .exe', () => {
  const out = path.join(work, 'windows.vsix');
  const { status, said } = run('--out', out, 'win32-x64', windows());
  assert.strictEqual(status, 0, said);
  assert.deepStrictEqual(inside(out), [...ours, 'server/futurelens.exe'].sort());
});

test('what cannot be packaged is named', () => {
  for (const [args, why] of [
    [['linux-x64', path.join(work, 'nothing')], /there is no server at .*nothing/],
    [['linux-x64', work], /there is no server at/],
    [['linux-x64'], /no server: node package.mjs linux-x64 path/],
    [['linux-x86', linux()], /unknown target linux-x86; one of: linux-x64, .*win32-arm64/],
    [['constructor', linux()], /unknown target constructor/],
    [['linux-arm64', linux()], /linux is not a program for linux-arm64/],
    [['darwin-arm64', linux()], /linux is not a program for darwin-arm64/],
    [['linux-x64', windows()], /windows.exe is not a program for linux-x64/],
    [['linux-x64', linux(), 'more'], /too many arguments: more/],
    [['--target', 'linux-x64'], /Unknown option '--target'/],
  ]) {
    const { status, said } = run(...args);
    assert.strictEqual(status, 1, said);
    assert.match(said, why);
  }
});
