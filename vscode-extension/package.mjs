// Makes a vsix in dist/: one for every platform, or one of a platform with its server inside.
//
//   node package.mjs [--out FILE]
//   node package.mjs [--out FILE] TARGET SERVER
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = path.join(here, 'server');

/** What a program of each target begins with. */
const targets = {
  'linux-x64': elf(62), 'linux-arm64': elf(183), 'linux-armhf': elf(40), 'alpine-x64': elf(62), 'alpine-arm64': elf(183),
  'darwin-x64': macho(0x01000007), 'darwin-arm64': macho(0x0100000c), 'win32-x64': pe(0x8664), 'win32-arm64': pe(0xaa64),
};

function elf(machine) {
  return (start) => start.readUInt32BE(0) === 0x7f454c46 && start.readUInt16LE(18) === machine;
}

function macho(machine) {
  return (start) => start.readUInt32LE(0) === 0xfeedfacf && start.readUInt32LE(4) === machine;
}

function pe(machine) {
  return (start) => {
    const at = start.toString('latin1', 0, 2) === 'MZ' ? start.readUInt32LE(60) : start.length;
    return at + 6 <= start.length && start.toString('latin1', at, at + 4) === 'PE\0\0' && start.readUInt16LE(at + 4) === machine;
  };
}

function fail(why) {
  console.error(`package.mjs: ${why}`);
  process.exit(1);
}

/** Is it the program of this target? A package with another one installs well and then does nothing. */
function check(target, server) {
  if (!Object.hasOwn(targets, target)) fail(`unknown target ${target}; one of: ${Object.keys(targets).join(', ')}`);
  if (!server) fail(`no server: node package.mjs ${target} path/to/futurelens`);
  if (!fs.statSync(server, { throwIfNoEntry: false })?.isFile()) fail(`there is no server at ${server}`);
  const start = Buffer.alloc(4096);
  const file = fs.openSync(server);
  fs.readSync(file, start);
  fs.closeSync(file);
  if (!targets[target](start)) fail(`${server} is not a program for ${target}`);
  if (process.platform === 'win32' && !target.startsWith('win32')) {
    fail(`a package for ${target} cannot be made on Windows, where no file is marked as a program`);
  }
}

function vsce(out, ...more) {
  const args = ['package', '--no-dependencies', '--allow-missing-repository', '--no-rewrite-relative-links', '-o', out, ...more];
  fs.mkdirSync(path.dirname(out), { recursive: true });
  const { status } = spawnSync(process.execPath, [path.join(here, 'node_modules/@vscode/vsce/vsce'), ...args], { cwd: here, stdio: 'inherit' });
  return status ?? 1;
}

let options;
try {
  options = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true });
} catch (error) {
  fail(error.message);
}
const { values, positionals } = options;
const [target, server, ...rest] = positionals;
if (rest.length) fail(`too many arguments: ${rest.join(' ')}`);
if (target !== undefined) check(target, server);
if (fs.existsSync(folder)) fail(`${folder} is in the way: remove it`);
const out = path.resolve(values.out ?? path.join(here, 'dist', target === undefined ? 'futurelens.vsix' : `futurelens-${target}.vsix`));

if (target === undefined) {
  process.exitCode = vsce(out);
} else {
  // An interrupt ends vsce; what follows it is done.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
  try {
    const inside = path.join(folder, target.startsWith('win32') ? 'futurelens.exe' : 'futurelens');
    fs.mkdirSync(folder);
    fs.copyFileSync(server, inside);
    fs.chmodSync(inside, 0o755);
    process.exitCode = vsce(out, '--target', target);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
