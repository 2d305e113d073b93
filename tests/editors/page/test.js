// The page in a browser: what it shows is the report's, it sorts, filters and drills, and asks nobody for anything.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { chromium } = require('playwright-core');

const [dest] = process.argv.slice(2);
const file = path.join(dest, 'pages/report.html');
const report = JSON.parse(fs.readFileSync(path.join(dest, 'pages/report.json'), 'utf8'));
/** The state that a future owes its size to. */
const largestOf = (future) => future.states.reduce((best, state) => ((state.needs ?? state.bytes.held) > (best.needs ?? best.bytes.held) ? state : best));
const grouped = (bytes) => bytes.toString().replace(/\B(?=(\d{3})+$)/g, ',');

/** The same page with other data. */
function changed(name, change) {
  const html = fs.readFileSync(file, 'utf8');
  const element = /(<script type="application\/json" id="data">)(.*?)(<\/script>)/s;
  const data = JSON.parse(element.exec(html)[2]);
  change(data);
  const written = path.join(dest, 'pages', name);
  const text = JSON.stringify(data).replaceAll('<', '\\u003c');
  fs.writeFileSync(written, html.replace(element, (_, before, __, after) => before + text + after));
  return written;
}

/** Every future many times, each a future of its own. */
function enlarge(data, times) {
  const { futures } = data;
  data.futures = Array.from({ length: times }, (_, time) => futures.map((future) => {
    const copy = [...future];
    copy[0] = data.texts.push(`copy${time}::${data.texts[future[0]]}`) - 1;
    copy[4] = data.texts.push(`${data.texts[future[4]]}${time}`) - 1;
    return copy;
  })).flat();
}

async function main() {
  const browser = await chromium.launch({
    executablePath: path.join(dest, 'bin/chromium'),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
  });
  let steps = 0;
  const step = (what) => { steps += 1; console.log(`ok  ${what}`); };
  const trouble = [];
  const requests = [];
  /** A page of a file, watched. */
  const open = async (name, options) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    page.on('console', (message) => { if (message.type() !== 'log') trouble.push(message.text()); });
    page.on('pageerror', (error) => trouble.push(String(error.stack || error)));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(name).href);
    return page;
  };
  const shot = (page, name) => page.screenshot({ path: path.join(dest, 'screenshots', `page-${name}.png`) });
  const column = (page, key) => page.evaluate((wanted) => {
    const at = [...document.querySelectorAll('#head [role=columnheader]')].findIndex((head) => head.dataset.key === wanted);
    return [...document.querySelectorAll('#rows [role=row]')].map((row) => row.children[at].textContent);
  }, key);
  const press = (page, key) => page.click(`#head [data-key=${key}]`);

  try {
    const page = await open(file, { colorScheme: 'light' });
    const sizes = report.futures.map((future) => future.size).sort((a, b) => b - a);
    assert.equal(await page.textContent('#count'), `${sizes.length} of ${sizes.length}`);
    assert.ok(sizes.length > 100);
    const drawn = await column(page, 'size');
    assert.ok(drawn.length > 10);
    assert.deepEqual(drawn, sizes.slice(0, drawn.length).map(grouped));
    step(`the table shows the report's ${sizes.length} futures, largest first`);
    await shot(page, 'light');

    await page.evaluate(() => { const pane = document.getElementById('scroll'); pane.scrollTop = pane.scrollHeight; });
    await page.waitForFunction((last) => [...document.querySelectorAll('#rows [role=row]')].at(-1).firstChild.textContent === last, grouped(sizes.at(-1)));
    step('its end can be scrolled to');

    await press(page, 'size');
    assert.equal((await column(page, 'size'))[0], grouped(sizes.at(-1)));
    await press(page, 'name');
    const names = await column(page, 'name');
    assert.deepEqual(names, [...names].sort(new Intl.Collator('en', { numeric: true }).compare));
    await press(page, 'padding');
    const padding = Math.max(...report.futures.map((future) => future.padding));
    assert.equal((await column(page, 'padding'))[0], grouped(padding));
    assert.equal(await page.getAttribute('#head [data-key=padding]', 'aria-sort'), 'descending');
    step('it sorts by size, name and padding');

    await press(page, 'size');
    await page.fill('#filter', 'JETSTREAM consumer');
    const found = await column(page, 'name');
    const count = Number((await page.textContent('#count')).split(' ')[0]);
    assert.ok(count > 0 && count < sizes.length && found.length > 0);
    const searched = await page.evaluate(() => [...document.querySelectorAll('#rows [role=row]')].map((row) => row.textContent.toLowerCase()));
    assert.ok(searched.every((row) => row.includes('consumer')), searched.join('\n'));
    await page.fill('#filter', 'there is nothing like it');
    assert.equal(await page.textContent('#count'), `0 of ${sizes.length}`);
    await page.fill('#filter', '');
    assert.equal(await page.textContent('#count'), `${sizes.length} of ${sizes.length}`);
    step('it filters by words, of the path or the file');

    // Into what a future stores, by the treemap, and back.
    const one = [...report.futures].sort((a, b) => b.size - a.size)
      .find((future) => future.states.length && largestOf(future).held.some((held) => held.future));
    const row = page.locator('#rows [role=row]', { hasText: grouped(one.size) }).first();
    await row.click();
    await page.waitForSelector('#detail:not([hidden])');
    const chosen = decodeURIComponent(new URL(page.url()).hash.slice(1));
    const shown = report.futures.find((future) => future.id === chosen);
    assert.equal(shown.size, one.size);
    assert.ok((await page.textContent('#detail p')).includes(`${grouped(shown.size)} bytes`));
    assert.equal(await page.locator('#detail svg .state').count(), shown.states.length);
    const rows = () => page.locator('#detail tbody tr').count();
    const held = (state) => state.held.length;
    const largest = largestOf(shown);
    assert.equal(await rows(), held(largest));
    const of = largest.bytes;
    assert.equal(of.held + of.tag + of.padding + of.free, shown.size);
    const sum = [`${grouped(of.held)} held`, `tag ${grouped(of.tag)}`, `padding ${grouped(of.padding)}`, `${grouped(of.free)} free`].join(', ');
    assert.ok((await page.textContent('#detail caption')).includes(`${grouped(shown.size)} bytes: ${sum}`));
    step('a future shows its states and what is held in the largest');
    await shot(page, 'future');

    const other = shown.states.findIndex((state) => held(state) !== held(largest));
    await page.locator('#detail svg .state').nth(other).click();
    assert.equal(await rows(), held(shown.states[other]));
    step('another state, when it is clicked');

    const cell = page.locator('#tree > .cell:not(.still)').first();
    await cell.click({ position: { x: 5, y: 5 } });
    const inner = decodeURIComponent(new URL(page.url()).hash.slice(1));
    assert.notEqual(inner, chosen);
    const below = report.futures.find((future) => future.id === inner);
    assert.ok(shown.states.some((state) => state.held.some((thing) => thing.future === inner)));
    assert.ok((await page.textContent('#detail p')).includes(`${grouped(below.size)} bytes`));
    await page.goBack();
    assert.equal(decodeURIComponent(new URL(page.url()).hash.slice(1)), chosen);
    assert.ok((await page.textContent('#detail p')).includes(`${grouped(shown.size)} bytes`));
    await page.locator('#detail tbody button').first().click();
    assert.notEqual(decodeURIComponent(new URL(page.url()).hash.slice(1)), chosen);
    await page.click('#path button');
    assert.equal(await page.isHidden('#detail'), true);
    step('it leads into the futures stored in it, and back');

    await page.focus('#rows [role=row]');
    await page.keyboard.press('Enter');
    assert.equal(await page.isHidden('#detail'), false);
    await page.reload();
    assert.equal(await page.isHidden('#detail'), false);
    step('by keys too; its address leads to the same future again');

    const dark = await open(file, { colorScheme: 'dark' });
    const background = (of) => of.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.notEqual(await background(dark), await background(page));
    await dark.locator('#rows [role=row]').first().click();
    await shot(dark, 'dark');
    step('it is dark where the reader prefers that');

    const narrow = await open(file, { viewport: { width: 500, height: 800 } });
    assert.ok(await narrow.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await shot(narrow, 'narrow');
    step('it fits a narrow window');

    let many;
    const large = changed('large.html', (data) => {
      enlarge(data, Math.ceil(10000 / sizes.length));
      many = data.futures.length;
    });
    const before = performance.now();
    const huge = await open(large, {});
    assert.equal(await huge.textContent('#count'), `${grouped(many)} of ${grouped(many)}`);
    const opened = performance.now() - before;
    const pressed = await huge.evaluate(() => {
      const begin = performance.now();
      document.querySelector('#head [data-key=name]').click();
      document.body.getBoundingClientRect();
      return performance.now() - begin;
    });
    assert.ok(await huge.evaluate(() => document.querySelectorAll('*').length < 5000));
    await huge.fill('#filter', 'copy7:: jetstream');
    assert.ok((await column(huge, 'name')).every((name) => name.startsWith('copy7::')));
    await huge.locator('#rows [role=row]').first().click();
    assert.equal(await huge.isHidden('#detail'), false);
    step(`it works with ${grouped(many)} futures: open after ${Math.round(opened)} ms, sorted after ${Math.round(pressed)} ms`);

    // What the compiler printed was not understood.
    const warning = 'rustc 1.99.0 prints <b>some things</b>\n  1 of 2 futures: only the size is shown';
    let unread;
    const drifted = changed('drifted.html', (data) => {
      data.drift = warning;
      unread = data.futures.reduce((best, future) => (future[8] > best[8] ? future : best));
      unread.splice(10, 4, null, null, null, []);
    });
    const less = await open(drifted, {});
    assert.equal(await less.textContent('#drift'), warning);
    assert.ok(await less.isVisible('#drift') && await page.isHidden('#drift'));
    assert.deepEqual([(await column(less, 'size'))[0], (await column(less, 'padding'))[0]], [grouped(unread[8]), '?']);
    await press(less, 'padding');
    assert.notEqual((await column(less, 'padding'))[0], '?');
    await press(less, 'padding');
    assert.equal((await column(less, 'padding'))[0], '?');
    await less.locator('#rows [role=row]').first().click();
    assert.ok((await less.textContent('#detail p')).includes('padding ?'));
    step('what is not known is said, and no number stands for it');
    await shot(less, 'drifted');

    assert.deepEqual(trouble, []);
    const outside = requests.filter((url) => ![file, large, drifted].some((own) => url.split('#')[0] === pathToFileURL(own).href));
    assert.deepEqual(outside, []);
    step('nothing on the console, and no request but for the page itself');
    console.log(`page: ${steps} steps passed`);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
