// Draws one future. Whatever comes from source code is put in as text, never as markup.

import { bytes, grouped, lines } from '../bytes';
import type { Bytes, FromView, Held, HeldKind, Layout, Nested, State, ToView } from '../protocol';

interface Api {
  postMessage(message: FromView): void;
}
declare function acquireVsCodeApi(): Api;

const api = acquireVsCodeApi();
const KINDS: Record<HeldKind, string> = {
  local: 'local',
  awaitee: 'awaited future',
  upvar: 'argument or capture',
  temporary: 'temporary',
  flag: 'drop flag',
};
/** Columns of the picture have at least this many pixels. */
const COLUMN = 14;
/** Marks of the scale, too. */
const MARK = 56;
/** Levels of the icicle. */
const LEVELS = 8;

/** The index of the state whose things are listed. */
let chosen = 0;
let shown: Layout | undefined;

addEventListener('message', (event: MessageEvent<ToView>) => {
  const message = event.data;
  if (message.type === 'layout') {
    draw(message.layout, message.back, message.follow);
  } else {
    shown = undefined;
    document.body.replaceChildren(
      header(undefined, message.back, message.follow),
      element('p', { className: 'nothing' }, capital(message.text)),
    );
  }
});
// The scale depends on the width.
let resized: ReturnType<typeof setTimeout> | undefined;
addEventListener('resize', () => {
  clearTimeout(resized);
  resized = setTimeout(() => shown && scale(shown), 60);
});
api.postMessage({ type: 'ready' });

function draw(layout: Layout, back: boolean, follow: boolean): void {
  const focus = focused();
  if (shown?.id !== layout.id) chosen = largest(layout);
  chosen = Math.min(chosen, Math.max(layout.states.length - 1, 0));
  shown = layout;
  document.body.replaceChildren(
    header(layout, back, follow),
    element(
      'main',
      {},
      picture(layout),
      ...legend(layout),
      element('p', { className: 'details', id: 'details', ariaLive: 'polite' }),
      element('section', { id: 'held' }),
      ...nestedSection(layout),
    ),
  );
  scale(layout);
  choose(chosen);
  const state = layout.states[chosen];
  if (state) tell(stateDetails(state));
  if (focus) document.getElementById(focus)?.focus();
}

/** The state that the size comes from, as far as that is known; else the one with the most in it. */
function largest(layout: Layout): number {
  const needs = layout.states.map((state) => state.needs ?? heldBytes(state));
  return needs.reduce((best, one, at) => (one > (needs[best] ?? 0) ? at : best), 0);
}

function heldBytes(state: State): number {
  return state.bytes?.held ?? state.held.reduce((sum, one) => sum + one.size, 0);
}

function header(layout: Layout | undefined, back: boolean, follow: boolean): HTMLElement {
  const tools = element('div', { className: 'tools', role: 'toolbar' });
  tools.setAttribute('aria-label', 'Layout');
  if (back) tools.append(button('back', '← Back', () => api.postMessage({ type: 'back' })));
  const toggle = button('follow', 'Follow the cursor', () => {
    const on = toggle.getAttribute('aria-pressed') !== 'true';
    toggle.setAttribute('aria-pressed', String(on));
    api.postMessage({ type: 'follow', on });
  });
  toggle.setAttribute('aria-pressed', String(follow));
  tools.append(toggle);
  if (!layout) return element('header', {}, tools);
  tools.append(
    button('source', 'Go to source', () => api.postMessage({ type: 'go', state: null, held: null })),
    button('copy', 'Copy explanation', () => api.postMessage({ type: 'copy' })),
  );
  if (layout.instances.length > 1) tools.append(instances(layout));
  const line = layout.cacheLine;
  const facts = element(
    'p',
    { className: 'facts', id: 'facts' },
    element('b', {}, line === null ? bytes(layout.size) : `${bytes(layout.size)} · ${lines(Math.ceil(layout.size / line))}`),
    `${line === null ? '' : ` of ${line} B`}, aligned to ${layout.align}, tag ${bytes(layout.discriminant)}`,
  );
  const title = element('h1', { title: layout.type }, element('small', {}, layout.kind), layout.name);
  const top = element('header', {}, title, facts);
  if (layout.stale) {
    top.append(element('p', { className: 'stale', id: 'stale' }, 'Stale: measured before the last change.'));
  }
  top.append(tools);
  return top;
}

function instances(layout: Layout): HTMLElement {
  const select = element('select', { id: 'instances', ariaLabel: 'Instance' });
  for (const instance of layout.instances) {
    const with_ = instance.arguments.map(([name, type]) => `${name} = ${type}`).join(', ');
    const option = element('option', { value: instance.id }, `${bytes(instance.size)}${with_ ? ` · ${with_}` : ''}`);
    option.selected = instance.id === layout.id;
    select.append(option);
  }
  select.addEventListener('change', () => api.postMessage({ type: 'open', id: select.value }));
  return select;
}

/** A row for each state, a column for each cache line. */
function picture(layout: Layout): HTMLElement {
  const root = element('div', { className: 'picture', id: 'picture', role: 'group', ariaLabel: 'States and what they hold' });
  const ruler = element('div', { className: 'ruler', id: 'ruler' });
  ruler.setAttribute('aria-hidden', 'true');
  root.append(element('div', { className: 'scale' }, element('span'), element('span'), ruler));
  const same = ended(layout);
  layout.states.forEach((state, row) => {
    if (!same.includes(state)) root.append(stateRow(layout, state, row));
  });
  root.addEventListener('keydown', (event) => walk(event, root, '.track'));
  return root;
}

/** The states of a future that is over: nobody needs to see them if they are as before it began. */
function ended(layout: Layout): State[] {
  const [first, ...others] = layout.states;
  const held = (state: State) => JSON.stringify(state.held.map((one) => [one.name, one.offset, one.size]));
  return others.filter((state) => !state.name.startsWith('Suspend') && first && held(state) === held(first));
}

function stateRow(layout: Layout, state: State, row: number): HTMLElement {
  const track = element('div', { className: 'track', tabIndex: -1 });
  track.dataset['row'] = String(row);
  track.id = `track-${row}`;
  track.setAttribute('role', 'group');
  track.setAttribute('aria-label', `${stateName(state)}, ${bytes(heldBytes(state))} held`);
  // The small ones last, on top of neighbours that the least width of a bar would hide them under.
  const order = state.held.map((held, at) => ({ held, at })).sort((a, b) => b.held.size - a.held.size);
  const bars: HTMLElement[] = [];
  for (const { held, at } of order) {
    const bar = thing(held, `bar-${row}-${at}`, { state: row, held: at });
    bar.style.left = percent(held.offset, layout.size);
    bar.style.width = percent(held.size, layout.size);
    track.append(bar);
    bars.push(bar);
  }
  track.addEventListener('focus', () => {
    choose(row);
    tell(stateDetails(state));
  });
  track.addEventListener('click', (event) => {
    if (event.target === track) choose(row);
  });
  track.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && event.target === track) api.postMessage({ type: 'go', state: row, held: null });
  });
  const name = element('span', { className: 'name', title: stateDetails(state) }, state.name);
  if (state.location) name.append(element('span', { className: 'line' }, ` :${state.location.range.start.line + 1}`));
  name.addEventListener('click', () => choose(row));
  const node = element(
    'div',
    { className: 'state', id: `state-${row}` },
    name,
    element('span', { className: 'size', title: 'held' }, bytes(heldBytes(state))),
    track,
  );
  node.dataset['name'] = state.name;
  return node;
}

function thing(held: Held, id: string, at: { state: number; held: number }): HTMLElement {
  const bar = button(id, title(held), () => api.postMessage({ type: 'go', ...at }));
  bar.className = `bar ${kindClass(held.kind)}`;
  bar.tabIndex = -1;
  bar.title = heldDetails(held);
  bar.setAttribute('aria-label', heldDetails(held));
  bar.dataset['name'] = held.name;
  bar.dataset['label'] = title(held);
  bar.dataset['size'] = String(held.size);
  bar.addEventListener('focus', () => {
    choose(at.state);
    tell(heldDetails(held));
  });
  bar.addEventListener('mouseenter', () => tell(heldDetails(held)));
  return bar;
}

/** Marks, and names in bars, as there is room for. */
function scale(layout: Layout): void {
  const ruler = document.getElementById('ruler');
  if (!ruler) return;
  const width = ruler.clientWidth;
  // Where cache lines are not shown the marks are as far apart as most have them.
  const line = layout.cacheLine ?? 64;
  const perLine = (width * line) / Math.max(layout.size, 1);
  const count = Math.ceil(layout.size / line);
  const step = niceStep(COLUMN / perLine);
  const markStep = step * niceStep(MARK / perLine / step);
  ruler.replaceChildren();
  for (let at = 0; at < count; at += markStep) {
    const left = percent(at * line, layout.size);
    // The last one would stick out.
    if (at > 0 && width - perLine * at < 24) continue;
    const mark = element('span', { className: 'tick' }, grouped(at * line));
    mark.style.left = left;
    ruler.append(mark);
  }
  for (const track of document.querySelectorAll<HTMLElement>('.track')) {
    for (const old of track.querySelectorAll('.rule')) old.remove();
    for (let at = step; at < count; at += step) {
      const rule = element('span', { className: 'rule' });
      rule.style.left = percent(at * line, layout.size);
      track.append(rule);
    }
  }
  for (const one of document.querySelectorAll<HTMLElement>('.bar, .cell')) {
    const narrow = one.clientWidth < 26;
    one.classList.toggle('narrow', narrow);
    one.textContent = narrow ? '' : (one.dataset['label'] ?? '');
  }
}

/** 1, 2, 4, 8, …: the first that is large enough. */
function niceStep(least: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(least, 1))));
}

function legend(layout: Layout): HTMLElement[] {
  const used = new Set(layout.states.flatMap((state) => state.held.map((held) => held.kind)));
  const list = element('ul', { className: 'legend' });
  for (const kind of Object.keys(KINDS) as HeldKind[]) {
    if (!used.has(kind)) continue;
    list.append(element('li', {}, element('span', { className: `swatch ${kindClass(kind)}` }), KINDS[kind]));
  }
  const same = ended(layout).map((state) => state.name);
  const note = same.length ? [element('p', { className: 'note' }, `${same.join(', ')}: the same as ${layout.states[0]?.name}`)] : [];
  return [...note, list];
}

/** Lists what a state holds. */
function choose(row: number): void {
  const layout = shown;
  const state = layout?.states[row];
  const section = document.getElementById('held');
  if (!layout || !state || !section) return;
  chosen = row;
  for (const one of document.querySelectorAll('.state')) one.classList.toggle('chosen', one.id === `state-${row}`);
  if (!document.activeElement?.closest('.picture')) {
    for (const one of document.querySelectorAll<HTMLElement>('.track')) one.tabIndex = one.id === `track-${row}` ? 0 : -1;
  }
  if (section.dataset['row'] === String(row) && section.dataset['id'] === layout.id && section.hasChildNodes()) return;
  section.dataset['row'] = String(row);
  section.dataset['id'] = layout.id;
  section.replaceChildren(element('h2', {}, `Held in ${stateName(state)}`));
  if (state.held.length === 0) {
    section.append(element('p', {}, 'Nothing.'));
    return;
  }
  const head = element('tr', {}, column('bytes'), column('at'), element('th', {}, 'what'), element('th', {}, 'why'));
  const body = element('tbody');
  const order = state.held.map((held, at) => ({ held, at })).sort((a, b) => b.held.size - a.held.size);
  for (const { held, at } of order) body.append(heldRow(held, row, at));
  section.append(element('table', {}, element('thead', {}, head), body));
}

function heldRow(held: Held, row: number, at: number): HTMLElement {
  const what = element('span');
  const label = `${KINDS[held.kind] ?? held.kind} ${title(held)}`;
  what.append(
    held.location
      ? button(`held-${row}-${at}`, label, () => api.postMessage({ type: 'go', state: row, held: at }))
      : label,
  );
  if (held.type && !isNamedByType(held)) what.append(': ', element('span', { className: 'type' }, held.type));
  if (held.future) {
    const id = held.future;
    what.append(' ', button(`open-${row}-${at}`, 'layout →', () => api.postMessage({ type: 'open', id })));
  }
  return element(
    'tr',
    {},
    element('td', { className: 'number' }, grouped(held.size)),
    element('td', { className: 'number' }, grouped(held.offset)),
    element('td', {}, element('span', { className: 'what' }, element('span', { className: `swatch ${kindClass(held.kind)}` }), what)),
    element('td', {}, why(held)),
  );
}

function column(name: string): HTMLElement {
  return element('th', { className: 'number' }, name);
}

/** The futures in it, level by level. */
function nestedSection(layout: Layout): HTMLElement[] {
  const root = layout.nested;
  if (!root || root.children.length === 0) return [];
  const icicle = element('div', { className: 'icicle', id: 'icicle', role: 'tree', ariaLabel: 'Futures in it' });
  let depth = 0;
  const put = (node: Nested, level: number, left: number, width: number): void => {
    depth = Math.max(depth, level);
    icicle.append(cell(node, level, left, width, layout.id));
    if (level + 1 >= LEVELS) return;
    // Futures of different states share bytes: together they may be larger than what they are in.
    const all = node.children.reduce((sum, child) => sum + child.size, 0);
    const whole = Math.max(node.size, all, 1);
    let at = left;
    for (const child of [...node.children].sort((a, b) => b.size - a.size)) {
      const share = (width * child.size) / whole;
      if (share > 0.2) put(child, level + 1, at, share);
      at += share;
    }
  };
  put(root, 0, 0, 100);
  icicle.style.height = `${(depth + 1) * 28}px`;
  icicle.addEventListener('keydown', (event) => walk(event, icicle, undefined));
  return [
    element('h2', {}, 'Futures in it'),
    element('p', {}, 'Each is drawn below the one it is stored in; open one to see its layout.'),
    icicle,
  ];
}

function cell(node: Nested, level: number, left: number, width: number, here: string): HTMLElement {
  const id = node.id;
  const label = `${node.name}: ${bytes(node.size)}, ${bytes(node.own)} of its own`;
  const one = button(`cell-${level}-${left.toFixed(2)}`, `${node.name} · ${bytes(node.size)}`, () => {
    if (id && id !== here) api.postMessage({ type: 'open', id });
  });
  one.className = id && id !== here ? 'cell' : 'cell leaf';
  one.dataset['label'] = one.textContent ?? '';
  one.title = label;
  one.setAttribute('role', 'treeitem');
  one.setAttribute('aria-level', String(level + 1));
  one.setAttribute('aria-label', label);
  one.tabIndex = level === 0 ? 0 : -1;
  one.style.left = `${left}%`;
  one.style.width = `${width}%`;
  one.style.top = `${level * 28}px`;
  return one;
}

/** Arrow keys: to what lies next in that direction. */
function walk(event: KeyboardEvent, root: HTMLElement, rows: string | undefined): void {
  const from = event.target;
  if (!(from instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = next(event.key, from, root, rows);
  if (!to) return;
  event.preventDefault();
  for (const one of root.querySelectorAll<HTMLElement>('[tabindex="0"]')) one.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

function next(key: string, from: HTMLElement, root: HTMLElement, rows: string | undefined): HTMLElement | undefined {
  const all = [...root.querySelectorAll<HTMLElement>('.track, .bar, .cell')];
  if (key === 'Home') return all[0];
  if (key === 'End') return all[all.length - 1];
  const box = from.getBoundingClientRect();
  const row = (one: HTMLElement) => one.closest(rows ?? '.none') ?? one.style.top;
  if (key === 'ArrowLeft' || key === 'ArrowRight') {
    const way = key === 'ArrowRight' ? 1 : -1;
    const same = all.filter((one) => row(one) === row(from));
    // The row itself comes before what is in it.
    same.sort((a, b) => Number(b.classList.contains('track')) - Number(a.classList.contains('track')) || start(a) - start(b));
    return same[same.indexOf(from) + way];
  }
  if (key !== 'ArrowUp' && key !== 'ArrowDown') return undefined;
  const down = key === 'ArrowDown';
  if (rows) {
    const tracks = [...root.querySelectorAll<HTMLElement>(rows)];
    const track = tracks[tracks.indexOf(from.closest<HTMLElement>(rows) ?? from) + (down ? 1 : -1)];
    if (!track || from.matches(rows)) return track;
    const bars = [...track.querySelectorAll<HTMLElement>('.bar')];
    return nearest(bars, box) ?? track;
  }
  const others = all.filter((one) => (down ? one.offsetTop > from.offsetTop : one.offsetTop < from.offsetTop));
  const level = down ? Math.min(...others.map((one) => one.offsetTop)) : Math.max(...others.map((one) => one.offsetTop));
  return nearest(others.filter((one) => one.offsetTop === level), box);
}

function nearest(all: HTMLElement[], box: DOMRect): HTMLElement | undefined {
  const distance = (one: HTMLElement) => Math.abs(start(one) - box.left);
  return all.sort((a, b) => distance(a) - distance(b))[0];
}

function start(one: HTMLElement): number {
  return one.getBoundingClientRect().left;
}

/** The line below the picture. */
function tell(text: string): void {
  const details = document.getElementById('details');
  if (details) details.textContent = text;
}

/** All bytes of the future, by what they are there for in this state. */
function stateDetails(state: State): string {
  const rest: [string, keyof Bytes][] = [
    ['tag', 'tag'],
    ['padding', 'padding'],
    ['free (other states use it)', 'free'],
  ];
  const parts = rest.map(([name, key]) => (state.bytes?.[key] ? `, ${name} ${bytes(state.bytes[key])}` : ''));
  return `${stateName(state)}: ${bytes(heldBytes(state))} held${parts.join('')}`;
}

function stateName(state: State): string {
  return state.location ? `${state.name}, line ${state.location.range.start.line + 1}` : state.name;
}

function heldDetails(held: Held): string {
  const type = held.type && !isNamedByType(held) ? `: ${held.type}` : '';
  const line = held.location ? `, line ${held.location.range.start.line + 1}` : '';
  const reason = why(held) ? ` — ${why(held)}` : '';
  return `${KINDS[held.kind] ?? held.kind} ${title(held)}${type}, ${bytes(held.size)} at ${grouped(held.offset)}${line}${reason}`;
}

/** What people call it: the compiler's own name of an awaited future says nothing. */
function title(held: Held): string {
  if (!isNamedByType(held)) return held.name;
  const type = held.type ?? held.name;
  return /^\{async fn body of (.*)\}$/.exec(type)?.[1] ?? type;
}

function isNamedByType(held: Held): boolean {
  return held.kind === 'awaitee' && held.type !== null && /^(__|\.)/.test(held.name);
}

function why(held: Held): string {
  return held.why ?? (held.kind === 'awaitee' ? 'being awaited' : '');
}

function kindClass(kind: HeldKind): string {
  return kind in KINDS ? kind : 'local';
}

function percent(part: number, whole: number): string {
  return `${(100 * part) / Math.max(whole, 1)}%`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function focused(): string {
  return document.activeElement?.id ?? '';
}

function button(id: string, label: string, run: () => void): HTMLButtonElement {
  const one = element('button', { id, type: 'button' }, label);
  one.addEventListener('click', run);
  return one;
}

/** An element with properties and children; strings become text. */
function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const one = Object.assign(document.createElement(tag), properties);
  one.append(...children);
  return one;
}
