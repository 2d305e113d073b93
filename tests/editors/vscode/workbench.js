// A VS Code workbench in a headless browser, and how to look at it and act on it.
'use strict';
const { chromium } = require('playwright-core');
const { execFileSync, spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const PATIENCE = Number(process.env.E2E_TIMEOUT_MS || 60000);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until `look` gives something, and gives that. */
async function until(what, look, patience = PATIENCE) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      last = await look();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      throw new Error(`timed out: ${what} (last: ${last instanceof Error ? last.message : JSON.stringify(last)})`);
    }
    await sleep(50);
  }
}

/** A key or a click is lost now and then while a popup closes: acts until the effect is seen. */
async function actUntil(what, act, seen, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    await act();
    const soon = Math.min(end, Date.now() + 2500);
    do {
      if (await seen().catch(() => false)) return;
      await sleep(50);
    } while (Date.now() < soon);
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
  }
}

/** The folder, or if a server is installed there, one with links to everything else in it. */
function withoutServer(folder, spare) {
  if (!fs.existsSync(path.join(folder, 'futurelens'))) return folder;
  fs.mkdirSync(spare, { recursive: true });
  for (const name of fs.readdirSync(folder).filter((name) => name !== 'futurelens')) fs.symlinkSync(path.join(folder, name), path.join(spare, name));
  return spare;
}

/** The processes that run this program without arguments: servers, and not the compiler wrappers. */
function servers(program) {
  const found = [];
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (fs.readlinkSync(`/proc/${pid}/exe`) !== program) continue;
      const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
      if (words.length === 1) found.push(Number(pid));
    } catch {
      // It is gone, or not ours.
    }
  }
  return found;
}

class Workbench {
  constructor(folder, screenshots) {
    this.folder = folder;
    this.screenshots = screenshots;
    this.shots = 0;
    /** Everything the browser's console said. */
    this.console = [];
  }

  /** Installs the extension, and starts the workbench and the browser. */
  static async start({ dest, vsix, project, screenshots, settings }) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'futurelens-vscode-'));
    const one = new Workbench(folder, screenshots);
    one.project = path.join(folder, 'article');
    fs.cpSync(project, one.project, { recursive: true, filter: (from) => path.basename(from) !== 'target' });
    fs.mkdirSync(path.join(one.project, '.vscode'));
    fs.writeFileSync(path.join(one.project, '.vscode/settings.json'), '{\n  "futurelens.hints.minBytes": 0\n}\n');
    for (const name of ['data/User', 'extensions', 'home', 'bin']) fs.mkdirSync(path.join(folder, name), { recursive: true });
    fs.writeFileSync(path.join(folder, 'data/User/settings.json'), JSON.stringify({ ...QUIET, ...settings }));

    const node = path.join(dest, 'bin/node');
    const args = [
      path.join(dest, 'node_modules/code-server/out/node/entry.js'),
      '--user-data-dir', path.join(folder, 'data'),
      '--extensions-dir', path.join(folder, 'extensions'),
      '--disable-telemetry', '--disable-update-check',
    ];
    // The compilers stay where they are; the rest of the user's home is left alone.
    const home = os.homedir();
    let cargo = process.env.CARGO_HOME || path.join(home, '.cargo');
    if (fs.existsSync(path.join(cargo, 'bin/futurelens'))) {
      const spare = path.join(folder, 'cargo');
      fs.mkdirSync(spare);
      for (const name of fs.readdirSync(cargo).filter((name) => name !== 'bin')) fs.symlinkSync(path.join(cargo, name), path.join(spare, name));
      withoutServer(path.join(cargo, 'bin'), path.join(spare, 'bin'));
      cargo = spare;
    }
    // Where a test puts programs of its own; none of the others is a server.
    one.bin = path.join(folder, 'bin');
    one.others = process.env.PATH.split(':').map((name, i) => withoutServer(name, path.join(folder, 'path', String(i))));
    const searched = [one.bin, ...one.others].join(':');
    // Terminals have the PATH of a login shell.
    fs.writeFileSync(path.join(folder, 'home/.profile'), `export PATH="${searched}"\n`);
    const env = {
      ...process.env,
      PATH: searched,
      SHELL: '/bin/sh',
      HOME: path.join(folder, 'home'),
      // No marketplace.
      EXTENSIONS_GALLERY: JSON.stringify({ serviceUrl: '' }),
      CARGO_HOME: cargo,
      RUSTUP_HOME: process.env.RUSTUP_HOME || path.join(home, '.rustup'),
    };
    for (const name of ['VSCODE_IPC_HOOK_CLI', 'CARGO_TARGET_DIR', 'NODE_PATH']) delete env[name];
    execFileSync(node, [...args, '--install-extension', vsix], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const installed = fs.readdirSync(path.join(folder, 'extensions')).find((name) => name.startsWith('futurelens.futurelens-'));
    // The server that came with it.
    one.program = fs.realpathSync(path.join(folder, 'extensions', installed, 'server/futurelens'));

    one.log = path.join(folder, 'code-server.log');
    const log = fs.openSync(one.log, 'a');
    // A process group of its own: it is a tree of processes, and all of it has to end.
    one.child = spawn(node, [...args, '--auth', 'none', '--bind-addr', '127.0.0.1:0', one.project], {
      env, detached: true, stdio: ['ignore', log, log],
    });
    one.url = await until('code-server listens', () => {
      if (one.child.exitCode !== null) throw new Error(fs.readFileSync(one.log, 'utf8'));
      return /listening on (http:\/\/[0-9.:]+)/.exec(fs.readFileSync(one.log, 'utf8'))?.[1];
    });

    one.browser = await chromium.launch({
      executablePath: path.join(dest, 'bin/chromium'),
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--no-first-run'],
    });
    const context = await one.browser.newContext({
      viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', colorScheme: 'dark', permissions: ['clipboard-read', 'clipboard-write'],
    });
    one.page = await context.newPage();
    one.page.on('console', (message) => one.console.push({ type: message.type(), text: message.text(), url: message.location().url }));
    one.page.on('pageerror', (error) => one.console.push({ type: 'error', text: String(error.stack || error), url: '' }));
    return one;
  }

  async stop() {
    await this.browser?.close().catch(() => {});
    if (this.child?.pid) {
      const alive = () => {
        try {
          process.kill(-this.child.pid, 0);
          return true;
        } catch {
          return false;
        }
      };
      const end = (signal) => {
        try {
          process.kill(-this.child.pid, signal);
        } catch {
          // It is gone.
        }
      };
      end('SIGTERM');
      for (let i = 0; i < 50 && alive(); i++) await sleep(100);
      end('SIGKILL');
    }
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Opens the project with one of its files. */
  async open(file) {
    const uri = `vscode-remote://${new URL(this.url).host}${path.join(this.project, file)}`;
    const payload = encodeURIComponent(JSON.stringify([['openFile', uri]]));
    await this.page.goto(`${this.url}/?folder=${encodeURIComponent(this.project)}&payload=${payload}`);
    await this.page.locator('.monaco-workbench').waitFor({ timeout: PATIENCE });
    await this.page.evaluate(() => {
      window.said = [];
      const note = () => {
        for (const item of document.querySelectorAll('.statusbar-item')) {
          const text = item.textContent.trim();
          if (text.startsWith('futurelens') && text !== window.said[window.said.length - 1]) window.said.push(text);
        }
      };
      new MutationObserver(note).observe(document.querySelector('.part.statusbar'), { subtree: true, childList: true, characterData: true });
    });
    await until(`${file} is drawn`, async () => (await this.lines()).length > 3);
  }

  /** Of everything, or of a part. */
  async screenshot(name, clip) {
    const number = String(++this.shots).padStart(2, '0');
    await this.page.screenshot({ path: path.join(this.screenshots, `${number}-${name}.png`), ...(clip && { clip }) });
  }

  /** The workbench takes its colours from the system. */
  async colours(colorScheme, forcedColors = 'none') {
    await this.page.emulateMedia({ colorScheme, forcedColors, reducedMotion: 'reduce' });
    const name = { none: `vscode-${colorScheme}`, active: colorScheme === 'dark' ? 'vscode-high-contrast' : 'vscode-high-contrast-light' };
    const body = this.view().locator('body');
    await until(`the theme ${name[forcedColors]}`, async () => (await body.getAttribute('class')).split(' ').includes(name[forcedColors]));
    await sleep(300);
  }

  /** The lines that the editor draws, hints and all, with plain spaces. */
  async lines() {
    const drawn = await this.page.locator('.editor-instance .view-lines .view-line').evaluateAll((all) =>
      all.map((one) => [parseFloat(one.style.top), one.textContent]).sort((a, b) => a[0] - b[0]).map((one) => one[1]));
    return drawn.map((line) => line.replace(/[\u00a0\u2000-\u200a\u202f]/g, ' ').replace(/[\u200b-\u200d\ufeff]/g, ''));
  }

  /** Waits for a line that fits, and gives what fitted. */
  line(pattern, patience) {
    return until(`a line ${pattern}`, async () => {
      for (const line of await this.lines()) {
        const found = pattern.exec(line);
        if (found) return found;
      }
      return undefined;
    }, patience);
  }

  /** Where the middle of a word of the text is on the screen. */
  placeOf(word) {
    return this.page.evaluate((word) => {
      for (const line of document.querySelectorAll('.editor-instance .view-lines .view-line')) {
        const texts = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
        for (let text; (text = texts.nextNode());) {
          const at = text.data.indexOf(word);
          if (at < 0) continue;
          const range = document.createRange();
          range.setStart(text, at);
          range.setEnd(text, at + word.length);
          const box = range.getBoundingClientRect();
          return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
        }
      }
      return null;
    }, word);
  }

  /** By the mouse: the library's own click scrolls boxes of the workbench that must not be scrolled. */
  async click(locator) {
    const box = await locator.boundingBox({ timeout: 2000 }).catch(() => null);
    if (box) await this.page.mouse.click(box.x + Math.min(box.width / 2, 120), box.y + box.height / 2);
  }

  press(...keys) {
    return keys.reduce((before, key) => before.then(() => this.page.keyboard.press(key)), Promise.resolve());
  }

  status(text) {
    return this.page.locator('.statusbar-item', { hasText: text }).first();
  }

  /** All that the item in the status bar has said, in this order. */
  said() {
    return this.page.evaluate(() => window.said);
  }

  /** The quick input with this in it, and a row that is chosen. It is opened again if something closes it. */
  async quick(text, row) {
    const widget = this.page.locator('.quick-input-widget');
    const box = widget.locator('input').first();
    const focused = this.page.locator('.quick-input-list .monaco-list-row.focused');
    const wanted = row ? focused.filter({ hasText: row }).first() : undefined;
    await until(`the quick input takes ${text}`, async () => {
      if (!(await box.isVisible())) await this.press('F1');
      await box.waitFor({ timeout: 2000 });
      await box.fill(text, { timeout: 2000 });
      if (wanted) await wanted.waitFor({ timeout: 5000 });
      return true;
    });
    await this.press('Enter');
    return widget;
  }

  /** The same, and it is closed after that. */
  async choose(text, row) {
    const widget = await this.quick(text, row);
    await widget.waitFor({ state: 'hidden', timeout: PATIENCE });
  }

  command(title) {
    return this.choose(`>${title}`, title.replace(/^.*: /, ''));
  }

  async openFile(name) {
    await this.choose(name, path.basename(name));
    await this.page.locator('.tab.active', { hasText: path.basename(name) }).first().waitFor({ timeout: PATIENCE });
  }

  /** Puts the cursor before a text of the file on disk; `nth` counts from 0. */
  async cursorAt(file, text, nth = 0) {
    const all = fs.readFileSync(path.join(this.project, file), 'utf8');
    let at = -1;
    for (let i = 0; i <= nth; i++) at = all.indexOf(text, at + 1);
    if (at < 0) throw new Error(`${file} has no ${text}`);
    const before = all.slice(0, at).split('\n');
    const [line, column] = [before.length, before[before.length - 1].length + 1];
    await this.choose(`:${line}:${column}`);
    await this.cursorIs(line, column);
    return line;
  }

  cursorIs(line, column) {
    const wanted = column ? `Ln ${line}, Col ${column}` : `Ln ${line},`;
    return until(`the cursor is at ${wanted}`, () => this.status(wanted).isVisible());
  }

  /** Replaces a text of the file on disk in the editor, as somebody who types, and saves. */
  async type(file, old, text, nth = 0) {
    await this.cursorAt(file, old, nth);
    for (let i = 0; i < old.length; i++) await this.press('Shift+ArrowRight');
    if (text) await this.page.keyboard.insertText(text);
    else await this.press('Delete');
    await this.save(file, (now) => (text ? now.includes(text) : !now.includes(old)));
  }

  async save(file, isSaved) {
    const now = () => fs.readFileSync(path.join(this.project, file), 'utf8');
    await actUntil(`${file} is saved`, () => this.press('Control+S'), async () => isSaved(now()));
  }

  /** The document inside the layout view. */
  view() {
    return this.page.frameLocator('iframe.webview.ready').frameLocator('#active-frame');
  }
}

/** Nothing that moves, asks or calls home. */
const QUIET = {
  'workbench.startupEditor': 'none', 'telemetry.telemetryLevel': 'off', 'workbench.enableExperiments': false,
  'extensions.autoCheckUpdates': false, 'extensions.autoUpdate': false, 'extensions.ignoreRecommendations': true,
  'git.enabled': false, 'chat.disableAIFeatures': true, 'workbench.reduceMotion': 'on',
  'workbench.secondarySideBar.defaultVisibility': 'hidden', 'workbench.tips.enabled': false,
  'editor.minimap.enabled': false, 'editor.cursorBlinking': 'solid', 'editor.inlayHints.enabled': 'on',
  'editor.hover.delay': 100, 'editor.accessibilitySupport': 'off', 'editor.stickyScroll.enabled': false,
  'editor.autoClosingBrackets': 'never', 'files.autoSave': 'off', 'files.simpleDialog.enable': true,
  'window.autoDetectColorScheme': true, 'workbench.preferredLightColorTheme': 'Light Modern',
  'workbench.preferredDarkColorTheme': 'Dark Modern', 'breadcrumbs.enabled': false, 'outline.showFiles': false, 'timeline.pageSize': 1,
};

module.exports = { Workbench, until, actUntil, servers, sleep };
