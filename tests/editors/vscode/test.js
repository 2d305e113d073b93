// One day in VS Code: each step says what the user sees.
'use strict';
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { Workbench, until, actUntil, servers, sleep } = require('./workbench.js');

const [dest, vsix] = process.argv.slice(2);
const repository = path.resolve(__dirname, '../../..');
const screenshots = path.join(dest, 'screenshots');

const begun = Date.now();
const seconds = () => ((Date.now() - begun) / 1000).toFixed(1).padStart(6);

/** The steps, in order: each starts where the one before ended. */
const steps = {
  async 'an untrusted workspace starts nothing and says so'(w) {
    await w.open('src/buffers.rs');
    await w.status('futurelens: workspace not trusted').waitFor({ timeout: 60000 });
    await sleep(1500);
    assert.deepStrictEqual(servers(w.program), [], 'no server');
    assert(!fs.existsSync(path.join(w.project, 'target')), 'no build');
    assert(!(await w.lines()).some((line) => / B · /.test(line)), 'no hints');
    await w.screenshot('untrusted');
  },

  async 'the doctor runs nothing of an untrusted workspace'(w) {
    await doctor(w, /the project is not trusted, so nothing of it is run/);
    assert(!(await w.lines()).some((line) => /measured by/.test(line)), 'no compiler was asked');
    assert.deepStrictEqual(servers(w.program), [], 'no server');
    assert(!fs.existsSync(path.join(w.project, 'target')), 'no build');
    await closeDoctor(w);
  },

  async 'the server of the package starts when trust is granted'(w) {
    const trust = w.page.locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ }).first();
    await actUntil('the trust editor', () => w.click(w.status('futurelens: workspace not trusted')), () => trust.isVisible());
    await actUntil('the server starts', () => w.click(trust), async () => servers(w.program).length === 1);
    await w.openFile('src/buffers.rs');
  },

  async 'hints are on screen'(w) {
    await w.line(/async fn buffers_sequential\(\) *260 B · 5 cache lines/, 120000);
    await w.line(/async fn buffers_overlapping\(\) *515 B · 9 cache lines/);
    await until('the status bar is idle', () => w.page.locator('.statusbar-item[id="futurelens.futurelens"], .statusbar-item', { hasText: /^\s*futurelens\s*$/ }).first().isVisible());
    await w.screenshot('hints');
  },

  async 'the doctor says which compiler measures'(w) {
    const [, version] = await doctor(w, /measured by +rustc (\d+\.\d+\.\d+)/);
    await w.line(/compilers, best first/);
    assert(await w.page.locator('.tab.active', { hasText: 'futurelens doctor: article' }).first().isVisible(), 'its name');
    // From its own document it looks again, in the same place.
    await doctor(w, new RegExp(`measured by +rustc ${version}`));
    assert.strictEqual(await w.page.locator('.tab', { hasText: 'futurelens doctor' }).count(), 1, 'one document');
    await w.screenshot('doctor');
    await w.page.keyboard.type('typed');
    await sleep(300);
    assert(!(await w.lines()).some((line) => line.includes('typed')), 'it is not to be edited');
    await closeDoctor(w);
    await actUntil('the menu has it', () => w.click(w.status(/^\s*futurelens\s*$/)),
      () => w.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Doctor' }).first().isVisible());
    await w.press('Escape');
  },

  async 'a hover shows what is held'(w) {
    const hover = w.page.locator('.monaco-hover:not(.hidden) .hover-contents', { hasText: 'second' }).first();
    await actUntil('the hover', async () => {
      await w.page.mouse.move(700, 700);
      const at = await w.placeOf('buffers_overlapping');
      await w.page.mouse.move(at.x - 4, at.y);
      await w.page.mouse.move(at.x, at.y, { steps: 3 });
    }, () => hover.isVisible());
    const text = await w.page.locator('.monaco-hover:not(.hidden)').first().textContent();
    assert.match(text, /first/);
    assert.match(text, /256 B/);
    await w.screenshot('hover');
    await actUntil('the hover closes', () => w.page.mouse.move(700, 740), async () => !(await hover.isVisible()));
  },

  async 'the explanation of a future is copied'(w) {
    const clipboard = () => w.page.evaluate(() => navigator.clipboard.readText());
    await w.page.evaluate(() => navigator.clipboard.writeText('nothing'));
    await w.cursorAt('src/buffers.rs', 'first = black_box');
    await actUntil('the clipboard has it', () => w.command('futurelens: Copy the Explanation'), async () => (await clipboard()) !== 'nothing');
    const text = await clipboard();
    assert.match(text, /buffers_overlapping/);
    assert.match(text, /515 B/);
    assert.match(text, /second/);
  },

  async 'an edit changes a number when it is saved'(w) {
    await w.type('src/buffers.rs', '256]', '300]', 3);
    await w.line(/async fn buffers_overlapping\(\) *559 B · 9 cache lines \{$/);
  },

  async 'the status bar says which crate is measured'(w) {
    const building = /^futurelens: article \d+\/\d+$/;
    // A build may be over before it is drawn; some build is not.
    await actUntil('what is measured', async () => {
      if (!(await w.said()).some((text) => building.test(text))) await w.command('futurelens: Measure Again');
    }, async () => (await w.said()).some((text) => building.test(text)));
    await until('the status bar is idle', () => w.status(/^\s*futurelens\s*$/).isVisible());
  },

  async 'the tree lists the largest first, and what grew'(w) {
    const pane = tree(w);
    const rows = pane.locator('[role="treeitem"]');
    await actUntil('the tree is open', () => w.click(pane.locator('.pane-header').first()), () => rows.first().isVisible());
    const texts = await until('the tree', async () => {
      const all = await rows.evaluateAll((all) => all.map((one) => one.getAttribute('aria-label') || ''));
      return all.some((text) => text.includes('stores_argument')) && all;
    });
    const sizes = texts.map((text) => /([\d,]+) B in/.exec(text)?.[1]).filter(Boolean).map((text) => Number(text.replace(/,/g, '')));
    assert(sizes.length > 3, texts.join('\n'));
    assert.deepStrictEqual(sizes, [...sizes].sort((a, b) => b - a), 'largest first');
    assert.match(texts.find((text) => /[\d,]+ B in/.test(text)), /stores_argument/);
    await w.screenshot('tree');
    const first = rows.filter({ hasText: 'stores_argument' }).first();
    await actUntil('a click opens the file', () => w.click(first), () => w.page.locator('.tab.active', { hasText: 'arguments.rs' }).first().isVisible());
    const at = fs.readFileSync(path.join(w.project, 'src/arguments.rs'), 'utf8').split('\n').findIndex((line) => line.includes('fn stores_argument')) + 1;
    await w.cursorIs(at);

    await filter(w, 'overlapping');
    await until('the growth', async () => {
      const all = await rows.evaluateAll((all) => all.map((one) => one.textContent || ''));
      return all.some((text) => /559 B ▲ \+44 B  buffers::buffers_overlapping/.test(text)) && !all.some((text) => text.includes('stores_argument'));
    });
    await w.screenshot('tree-filtered');
    await w.command('futurelens: Clear Filter');
    await w.command('futurelens: Group Futures by File');
    await until('groups are files', async () => (await rows.allTextContents()).some((text) => text.includes('arguments.rs')));
    await w.screenshot('tree-files');
    await w.command('futurelens: Group Futures by Crate');
  },

  async 'the layout view shows the picture'(w) {
    await w.openFile('src/buffers.rs');
    await w.cursorAt('src/buffers.rs', 'first = black_box');
    await w.command('futurelens: Show the Layout of This Future');
    const view = w.view();
    await view.locator('#picture').waitFor({ timeout: 30000 });
    assert.match(await view.locator('h1').textContent(), /buffers_overlapping/);
    assert.match(await view.locator('#facts').textContent(), /559 B · 9 cache lines/);
    const names = await view.locator('.state').evaluateAll((all) => all.map((one) => one.dataset.name));
    assert.deepStrictEqual(names, ['Unresumed', 'Suspend0']);
    const bar = (name) => view.locator(`.bar[data-name="${name}"]`).first();
    assert.strictEqual(await bar('first').getAttribute('data-size'), '256');
    assert.strictEqual(await bar('second').getAttribute('data-size'), '300');
    assert.match(await bar('second').getAttribute('title'), /300 B at \d+, line 30/);
    // In the picture it is as wide as its share.
    const share = await bar('second').evaluate((one) => one.getBoundingClientRect().width / one.parentElement.clientWidth);
    assert(Math.abs(share - 300 / 559) < 0.02, `a share of ${share}`);
    assert.match(await view.locator('#held').textContent(), /local second/);
    await w.screenshot('layout-dark');
  },

  async 'the layout view is walked by keys, and enter leads to the source'(w) {
    const view = w.view();
    await actUntil('the track has the focus', () => view.locator('.state.chosen .track').first().evaluate((one) => { window.focus(); one.focus(); }),
      () => view.locator('.track:focus').first().isVisible());
    for (const name of ['first', 'second']) {
      await w.press('ArrowRight');
      await view.locator(`.bar[data-name="${name}"]:focus`).first().waitFor({ timeout: 5000 });
    }
    assert.match(await view.locator('#details').textContent(), /local second: .*300 B at/);
    await w.press('Enter');
    await w.cursorIs(30);
  },

  async 'the layout view is drawn anew after a build, and follows the cursor'(w) {
    const view = w.view();
    await w.type('src/buffers.rs', '300]', '400]');
    await until('the new size', async () => /659 B · 11 cache lines/.test(await view.locator('#facts').textContent()));
    const follow = view.locator('#follow');
    await follow.evaluate((one) => one.click());
    await w.cursorAt('src/buffers.rs', 'let array');
    await until('the other future', async () => /self_referential/.test(await view.locator('h1').textContent()));
    await follow.evaluate((one) => one.click());
  },

  async 'nested futures are opened from the layout view'(w) {
    await w.openFile('src/boxes.rs');
    await w.cursorAt('src/boxes.rs', 'large_future().await');
    await w.command('futurelens: Show the Layout of This Future');
    const view = w.view();
    await until('the caller', async () => /caller_inline/.test(await view.locator('h1').textContent()));
    const child = view.locator('.cell:not(.leaf)').first();
    assert.match(await child.getAttribute('title'), /large_future.*4,099 B/);
    await w.screenshot('nested');
    await child.evaluate((one) => one.click());
    await until('the child', async () => /large_future/.test(await view.locator('h1').textContent()));
    await view.locator('#back').evaluate((one) => one.click());
    await until('back', async () => /caller_inline/.test(await view.locator('h1').textContent()));
  },

  async 'instances of a generic future are chosen from a list'(w) {
    await w.openFile('src/generics.rs');
    await w.cursorAt('src/generics.rs', 'fn keeps');
    await w.command('futurelens: Show the Layout of This Future');
    const view = w.view();
    await until('the generic future', async () => /keeps/.test(await view.locator('h1').textContent()));
    const sizes = await view.locator('#instances option').evaluateAll((all) => all.map((one) => /^[\d,]+ B/.exec(one.textContent)[0]));
    assert(sizes.length > 1, sizes.join());
    const facts = async () => view.locator('#facts').textContent();
    assert((await facts()).startsWith(sizes[0]), 'the largest first');
    await view.locator('#instances').evaluate((one) => {
      one.selectedIndex = one.options.length - 1;
      one.dispatchEvent(new Event('change'));
    });
    await until('the smallest', async () => (await facts()).startsWith(sizes[sizes.length - 1]));
    await w.screenshot('instances');
  },

  async 'light and high contrast'(w) {
    const view = w.view();
    await w.openFile('src/buffers.rs');
    await w.cursorAt('src/buffers.rs', 'first = {');
    await w.command('futurelens: Show the Layout of This Future');
    await until('the future', async () => /buffers_sequential/.test(await view.locator('h1').textContent()));
    for (const [scheme, forced] of [['light'], ['light', 'active'], ['dark', 'active'], ['dark']]) {
      await w.colours(scheme, forced);
      await w.screenshot(`layout-${scheme}${forced ? '-high-contrast' : ''}`);
      // As the README of the extension has them.
      if (!forced) await w.screenshot(`readme-${scheme}`, { x: 352, y: 36, width: 924, height: 540 });
    }
  },

  async 'a setting holds at once'(w) {
    const file = '.vscode/settings.json';
    await w.openFile(file);
    await w.type(file, 'minBytes": 0', 'minBytes": 300');
    await w.openFile('src/buffers.rs');
    await w.line(/async fn buffers_overlapping\(\) *659 B/);
    await w.line(/async fn buffers_sequential\(\) \{$/);
    await w.openFile(file);
    await w.type(file, 'minBytes": 300', 'minBytes": 0');
    await w.openFile('src/buffers.rs');
    await w.line(/async fn buffers_sequential\(\) *260 B/);
  },

  async 'a future over its budget is marked in the tree'(w) {
    const file = '.vscode/settings.json';
    const rows = tree(w).locator('[role="treeitem"]');
    await filter(w, 'buffers::buffers_');
    await w.openFile(file);
    await w.type(file, 'minBytes": 0', 'minBytes": 0, "futurelens.budget.bytes": 300');
    const labels = () => rows.evaluateAll((all) => all.map((one) => one.getAttribute('aria-label') || ''));
    await until('the mark', async () => (await labels()).some((text) => /buffers_overlapping[^]*659 B in 11 cache lines, budget 300 B: over budget/.test(text)));
    assert((await labels()).some((text) => /buffers_sequential[^]*260 B in 5 cache lines, budget 300 B(?!: over)/.test(text)), 'not this one');
    const row = rows.filter({ hasText: 'buffers_overlapping' }).first();
    assert.match(await row.textContent(), /over budget/);
    assert(await row.locator('.codicon-warning').first().isVisible(), 'the sign');
    await w.screenshot('over-budget');
    await w.type(file, ', "futurelens.budget.bytes": 300', '');
    await until('no mark', async () => !(await labels()).some((text) => text.includes('budget')));
    await w.command('futurelens: Clear Filter');
  },

  async 'a future is boxed, and takes what was predicted'(w) {
    await w.openFile('src/boxes.rs');
    const row = w.page.locator('.action-widget .monaco-list-row', { hasText: 'Box this future with Box::pin' }).first();
    await w.cursorAt('src/boxes.rs', 'large_future().await');
    await actUntil('the action is offered', async () => {
      await w.press('Escape');
      await w.press('Control+.');
    }, () => row.isVisible(), 120000);
    const title = await row.textContent();
    const saved = Number(/saves ([\d,]+) B/.exec(title)[1].replace(/,/g, ''));
    await w.screenshot('action');
    await until('the action is chosen', async () => {
      if (await row.evaluate((one) => one.classList.contains('focused'))) return true;
      await w.press('ArrowDown');
      return false;
    });
    await w.press('Enter');
    await w.line(/^ *Box::pin\(large_future\(\)\)\.await/);
    await w.save('src/boxes.rs', (now) => /caller_inline\(\) \{\s+Box::pin/.test(now));
    const [, size] = await w.line(/async fn caller_inline\(\) *([\d,]+) B · 1 cache line \{$/);
    assert.strictEqual(Number(size.replace(/,/g, '')), 4100 - saved, title);
    await w.screenshot('boxed');
  },

  async 'a compile error leaves numbers that are marked stale'(w) {
    await w.type('src/boxes.rs', 'black_box(&page);', 'black_box(&paper);');
    await w.line(/async fn large_future\(\) *4\.0 KiB · 65 cache lines · stale \{$/);
    await w.status('futurelens: stale').waitFor({ timeout: 60000 });
    await w.screenshot('stale');
    await w.type('src/boxes.rs', 'black_box(&paper);', 'black_box(&page);');
    await w.line(/async fn large_future\(\) *4\.0 KiB · 65 cache lines \{$/);
  },

  async 'a killed server comes back'(w) {
    const [before] = servers(w.program);
    process.kill(before, 'SIGKILL');
    const after = await until('another server', () => servers(w.program).find((pid) => pid !== before));
    assert.notStrictEqual(after, before);
    await w.type('src/boxes.rs', '4096]', '2048]');
    await w.line(/async fn large_future\(\) *2051 B · 33 cache lines \{$/);
  },

  async 'a server that ends again and again is left alone until the user says'(w) {
    const message = w.page.locator('.notification-list-item', { hasText: 'times in three minutes' }).first();
    await until('the message', async () => {
      for (const pid of servers(w.program)) process.kill(pid, 'SIGKILL');
      return message.isVisible();
    });
    await w.status('futurelens: stopped').waitFor({ timeout: 5000 });
    await sleep(1000);
    assert.deepStrictEqual(servers(w.program), []);
    await w.screenshot('stopped');
    await actUntil('it runs again', () => w.click(message.locator('.monaco-button', { hasText: 'Restart' }).first()),
      async () => servers(w.program).length === 1);
    await until('it measures', () => w.status(/^\s*futurelens\s*$/).isVisible());
  },

  async 'the server of the settings goes before that of the package'(w) {
    const file = '.vscode/settings.json';
    // Another file, so that the one is told from the other.
    const own = path.join(w.folder, 'own/futurelens');
    fs.mkdirSync(path.dirname(own));
    fs.copyFileSync(w.program, own);
    await w.openFile(file);
    await w.type(file, 'minBytes": 0', `minBytes": 0, "futurelens.server.path": "${own}"`);
    await until('only the own server', () => servers(own).length === 1 && servers(w.program).length === 0);
    await w.type(file, 'server.path', 'server.none');
    await until('only that of the package', () => servers(w.program).length === 1 && servers(own).length === 0);
  },

  async 'without a server it is offered to install one'(w) {
    const elsewhere = path.join(w.folder, 'own/futurelens');
    fs.rmSync(w.program);
    // Nothing is fetched: this one writes down what it is asked for, and is done at once.
    const asked = path.join(w.folder, 'cargo-install');
    const real = w.others.map((folder) => path.join(folder, 'cargo')).find((one) => fs.existsSync(one));
    fs.writeFileSync(path.join(w.bin, 'cargo'), `#!/bin/sh
[ "$1" = install ] || exec "${real}" "$@"
ln -sf "${elsewhere}" "${w.bin}/futurelens"
echo "$@" >>"${asked}"
`, { mode: 0o755 });
    await w.openFile('src/buffers.rs');
    await w.command('futurelens: Restart Server');
    const message = (text) => w.page.locator('.notification-list-item', { hasText: text });
    const missing = message('no futurelens on the PATH');
    await missing.first().waitFor({ timeout: 30000 });
    await w.status('futurelens: no server').waitFor({ timeout: 5000 });
    await sleep(1000);
    assert.strictEqual(await missing.count(), 1, 'it is said once');
    await tree(w).getByText('The futurelens server is not running').first().waitFor({ timeout: 5000 });
    assert(!(await w.lines()).some((line) => / B · /.test(line)), 'no hints');
    await w.screenshot('no-server');

    const button = (text, name) => message(text).locator('.monaco-button', { hasText: name }).first();
    const terminal = w.page.locator('.terminal-wrapper .xterm').first();
    await actUntil('a terminal', () => w.click(button('no futurelens on the PATH', 'Run cargo install')), () => terminal.isVisible());
    await until('cargo is run', () => fs.existsSync(asked));
    assert.strictEqual(fs.readFileSync(asked, 'utf8'), 'install futurelens\n');
    await w.screenshot('install');
    await actUntil('the installed server starts', () => w.click(button('start the server when cargo is done', 'Start')),
      async () => servers(elsewhere).length === 1);
    await w.line(/async fn buffers_sequential\(\) *260 B · 5 cache lines/);
  },

  async 'the layout view said nothing on the console'(w) {
    const ours = w.console.filter(({ type, text, url }) =>
      (type === 'error' || type === 'warning') && (/layout\.(js|css)/.test(text + url) || /Content Security Policy/.test(text)));
    assert.deepStrictEqual(ours.filter(({ type }) => type === 'error'), []);
  },
};

/** Has the doctor look, and gives what fitted in its document. */
async function doctor(w, pattern) {
  await w.command('futurelens: Doctor');
  await w.page.locator('.tab.active', { hasText: 'futurelens doctor' }).first().waitFor({ timeout: 60000 });
  // The document may be one of before: what is looked at now is there when nothing is said of looking.
  await w.page.locator('.notification-list-item', { hasText: 'looking at the compilers' }).first().waitFor({ state: 'hidden', timeout: 60000 });
  return w.line(pattern);
}

async function closeDoctor(w) {
  const tabs = w.page.locator('.tab', { hasText: 'futurelens doctor' });
  await w.command('View: Revert and Close Editor');
  await tabs.first().waitFor({ state: 'detached', timeout: 10000 });
}

/** The view of all futures. */
function tree(w) {
  return w.page.locator('.pane', { has: w.page.locator('.pane-header', { hasText: 'Futures' }) }).first();
}

/** Leaves those futures in the tree that have these words in their names. */
async function filter(w, words) {
  await w.quick('>futurelens: Filter Futures', 'Filter Futures');
  await w.page.locator('.quick-input-widget', { hasText: 'all of these words' }).first().waitFor({ timeout: 10000 });
  await w.page.locator('.quick-input-widget input').first().fill(words);
  await w.press('Enter');
}

async function main() {
  fs.rmSync(screenshots, { recursive: true, force: true });
  fs.mkdirSync(screenshots, { recursive: true });
  const w = await Workbench.start({
    dest,
    vsix,
    project: path.join(repository, 'tests/fixtures/article'),
    screenshots,
    settings: {
      'security.workspace.trust.startupPrompt': 'never',
      'security.workspace.trust.banner': 'never',
    },
  });
  const only = process.env.E2E_ONLY ? new RegExp(process.env.E2E_ONLY) : /./;
  let at = 'start';
  try {
    for (const [name, step] of Object.entries(steps)) {
      at = name;
      if (!only.test(name)) continue;
      await step(w);
      console.log(`ok   ${seconds()} s  ${name}`);
    }
    console.log(`passed in${seconds()} s`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAIL ${seconds()} s  ${at}\n${error.stack}`);
    await w.screenshot('failed').catch(() => {});
    console.log(`-- on screen\n${(await w.lines().catch(() => [])).join('\n')}`);
    console.log(`-- console\n${w.console.slice(-25).map(({ type, text }) => `${type}: ${text.slice(0, 300)}`).join('\n')}`);
    for (const log of logs(w.folder)) console.log(`-- ${log}\n${fs.readFileSync(log, 'utf8').split('\n').slice(-15).join('\n')}`);
  } finally {
    await w.stop();
  }
}

/** What the extension and its host wrote. */
function logs(folder) {
  // Not all of the folder: a size build has links in its own that lead in circles.
  const at = path.join(folder, 'data/logs');
  const all = fs.readdirSync(at, { recursive: true }).map((name) => path.join(at, name));
  return all.filter((name) => /(remoteexthost|futurelens)[^/]*\.log$/.test(name) && fs.statSync(name).size > 0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
