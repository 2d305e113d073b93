'use strict';
// Names and types come from source code: they are only ever set as text.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const text = (index) => (index === null ? '' : data.texts[index]);
  /** What was not understood is not known. */
  const grouped = (bytes) => (bytes === null ? '?' : bytes.toString().replace(/\B(?=(\d{3})+$)/g, ','));
  const counted = (count, what) => `${grouped(count)} ${what}${count === 1 ? '' : 's'}`;
  const by = (id) => document.getElementById(id);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === 'on') for (const [event, run] of Object.entries(value)) element.addEventListener(event, run);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };
  const drawn = (tag, attributes = {}, ...children) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const futures = data.futures.map((one, index) => {
    const [name, kind, krate, unit, id, type, file, line, size, align, tag, padding, twice, states] = one;
    const where = file === null ? `crate ${text(krate)}` : `${text(file)}:${line}`;
    return {
      index, id: text(id), name: text(name), kind: text(kind), krate: text(krate), unit: text(unit), type: text(type), where,
      size, align, tag, padding, twice, lines: data.cacheLine && Math.ceil(size / data.cacheLine),
      // Bytes held and free, with tag and padding, are the future's size. The states that need most decide it.
      states: states.map(([state, bytes, free, needs, at, held]) => ({
        name: text(state), bytes, free, needs: needs ?? bytes, at: text(at),
        held: held.map(([thing, what, ty, length, offset, declared, why, future]) => ({
          name: text(thing), kind: text(what), type: text(ty), size: length, offset, declared: text(declared), why: text(why), future: text(future),
        })),
      })),
    };
  });
  const byId = new Map(futures.map((future) => [future.id, future]).reverse());
  const last = (path) => path.replace(/[A-Za-z0-9_]+::/g, '');
  /** What the source would call it: the compiler's own names for what has none say nothing. */
  const called = (thing) => {
    const future = byId.get(thing.future);
    if (thing.kind === 'awaitee') return `await ${last(future ? future.name : thing.type)}`;
    return thing.name.startsWith('.') ? last(thing.type) || thing.name : thing.name;
  };
  for (const future of futures) future.search = `${future.name} ${future.where} ${future.krate} ${future.id}`.toLowerCase();
  by('measured').textContent = `${counted(futures.length, 'future')}, measured by ${data.compiler} for ${data.target}, profile ${data.profile}`;
  by('drift').textContent = data.drift ?? '';
  by('drift').hidden = data.drift === null;

  // The table

  const ROW = 26;
  const columns = [
    { key: 'size', title: 'bytes', number: true },
    ...(data.cacheLine ? [{ key: 'lines', title: 'lines', number: true }] : []),
    { key: 'padding', title: 'padding', number: true },
    { key: 'twice', title: 'twice', number: true },
    { key: 'name', title: 'name', path: true },
    { key: 'where', title: 'where', path: true },
    { key: 'kind', title: 'kind' },
  ];
  let sort = { key: 'size', down: true };
  let shown = futures;
  let chosen = null;
  for (const column of columns) {
    const press = () => {
      sort = { key: column.key, down: sort.key === column.key ? !sort.down : Boolean(column.number) };
      list();
    };
    by('head').append(make('button', { role: 'columnheader', 'data-key': column.key, class: column.number ? 'number' : '', on: { click: press } }, column.title));
  }
  const natural = new Intl.Collator('en', { numeric: true });
  function list() {
    const words = by('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = futures.filter((future) => words.every((word) => future.search.includes(word)));
    const { key, down } = sort;
    const isNumber = columns.some((column) => column.key === key && column.number);
    const compare = isNumber ? (a, b) => (a[key] ?? -1) - (b[key] ?? -1) : (a, b) => natural.compare(a[key], b[key]);
    // Stable: what is equal stays sorted by size.
    shown = [...shown].sort(down ? (a, b) => compare(b, a) : compare);
    by('count').textContent = `${grouped(shown.length)} of ${grouped(futures.length)}`;
    for (const button of by('head').children) {
      button.setAttribute('aria-sort', button.dataset.key === key ? (down ? 'descending' : 'ascending') : 'none');
    }
    by('scroll').scrollTop = 0;
    rows();
    overview();
  }
  // Only the rows that are seen exist.
  function rows() {
    const { scrollTop, clientHeight } = by('scroll');
    const first = Math.max(0, Math.floor(scrollTop / ROW) - 10);
    const last = Math.min(shown.length, Math.ceil((scrollTop + clientHeight) / ROW) + 10);
    by('rows').style.height = `${shown.length * ROW}px`;
    by('rows').replaceChildren(...shown.slice(first, last).map((future, at) => {
      const keys = (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); choose(future); } };
      const row = make('div', { class: `row${future === chosen ? ' chosen' : ''}`, role: 'row', tabindex: 0, title: future.type, on: { click: () => choose(future), keydown: keys } });
      row.style.top = `${(first + at) * ROW}px`;
      for (const { key, number, path } of columns) {
        const value = number ? grouped(future[key]) : future[key];
        row.append(make('div', { role: 'cell', class: number ? 'number' : path ? 'path' : '' }, path ? make('bdi', {}, value) : value));
      }
      return row;
    }));
  }

  // The treemap

  const MOST_CELLS = 400;
  const isStored = new Set(futures.flatMap((future) => future.states.flatMap((state) => state.held.map((held) => held.future))));
  const largestState = (future) => future.states.reduce((best, state) => (best && best.needs >= state.needs ? best : state), null);

  /** What lies beside each other in a future: what its largest state holds, and the rest. */
  function parts(future) {
    const state = largestState(future);
    if (!state) return [{ size: future.size, kind: 'rest', title: 'not known' }];
    const held = state.held.filter((thing) => thing.size > 0);
    const found = held.map((thing) => ({ size: thing.size, kind: thing.kind, title: called(thing), thing, future: byId.get(thing.future) }));
    for (const [size, title] of [[future.tag, 'tag'], [future.padding, 'padding'], [state.free, 'free: other states use it']]) {
      if (size > 0) found.push({ size, kind: 'rest', title });
    }
    return found.sort((a, b) => b.size - a.size);
  }

  /** Rectangles as square as they can be, each as large as its part (Bruls, Huizing, van Wijk 2000). */
  function squarified(items, x, y, width, height) {
    const total = items.reduce((sum, item) => sum + item.size, 0);
    const cells = [];
    let at = 0;
    let left = total;
    while (at < items.length && width > 0 && height > 0 && left > 0) {
      const side = Math.min(width, height);
      const scale = (width * height) / left;
      let row = [];
      let sum = 0;
      let best = Infinity;
      for (let next = at; next < items.length; next += 1) {
        const more = sum + items[next].size;
        const depth = (more * scale) / side;
        const worst = Math.max(...[...row, items[next]].map((item) => { const length = (item.size * scale) / depth; return Math.max(length / depth, depth / length); }));
        if (worst > best) break;
        best = worst;
        sum = more;
        row = [...row, items[next]];
      }
      const depth = (sum * scale) / side;
      let along = 0;
      for (const item of row) {
        const length = (item.size * scale) / depth;
        cells.push(width >= height ? { item, x, y: y + along, width: depth, height: length } : { item, x: x + along, y, width: length, height: depth });
        along += length;
      }
      if (width >= height) { x += depth; width -= depth; } else { y += depth; height -= depth; }
      left -= sum;
      at += row.length;
    }
    return cells;
  }

  function cells(into, items, x, y, width, height, depth) {
    for (const cell of squarified(items, x, y, width, height)) {
      const { item } = cell;
      if (cell.width < 2 || cell.height < 2) continue;
      const leads = item.future && item.future !== chosen;
      const words = `${item.title}: ${counted(item.size, 'byte')}\n${item.future?.name ?? item.thing?.type ?? ''}`.trimEnd();
      const press = (event) => { event.stopPropagation(); if (leads) choose(item.future); };
      const element = make('div', { class: `cell ${item.kind}${leads ? '' : ' still'}`, title: words, on: { click: press } });
      if (leads && depth === 0) element.tabIndex = 0;
      element.addEventListener('keydown', (event) => { if (event.key === 'Enter') press(event); });
      element.style.cssText = `left:${cell.x}px;top:${cell.y}px;width:${cell.width}px;height:${cell.height}px`;
      if (cell.width > 30 && cell.height > 15) element.append(make('span', {}, `${item.title} ${grouped(item.size)}`));
      into.append(element);
      if (item.future && depth < 2 && cell.width > 60 && cell.height > 48) {
        cells(element, parts(item.future), 2, 17, cell.width - 6, cell.height - 21, depth + 1);
      }
    }
  }

  /** One future's insides; or all that no other stores, of those the table shows. */
  function overview() {
    const tree = by('tree');
    tree.replaceChildren();
    let items;
    if (chosen) items = parts(chosen);
    else {
      const roots = shown.filter((future) => !isStored.has(future.id));
      items = (roots.length ? roots : shown).map((future) => ({ size: future.size, kind: 'future', title: last(future.name), future }));
      items = items.sort((a, b) => b.size - a.size).slice(0, MOST_CELLS);
    }
    cells(tree, items.filter((item) => item.size > 0), 0, 0, tree.clientWidth, tree.clientHeight, 0);
    const path = [make('button', { on: { click: () => choose(null) } }, 'all futures')];
    if (chosen) path.push('›', make('span', {}, `${chosen.name}: what its largest state holds`));
    by('path').replaceChildren(...path);
  }

  // One future

  function picture(future, state, pick) {
    const left = 190;
    const width = 1000;
    const height = 18;
    const scale = width / Math.max(future.size, 1);
    const chart = drawn('svg', { viewBox: `0 0 ${left + width + 10} ${future.states.length * (height + 4) + 24}`, role: 'img' });
    chart.append(drawn('title', {}, `States of ${future.name}`));
    const line = data.cacheLine || 64;
    const every = line * Math.max(1, Math.ceil(future.size / line / 32));
    for (let at = 0; at <= future.size; at += every) {
      const x = left + at * scale;
      chart.append(drawn('line', { x1: x, x2: x, y1: 14, y2: '100%' }), drawn('text', { x: x + 2, y: 11 }, grouped(at)));
    }
    future.states.forEach((one, row) => {
      const y = 20 + row * (height + 4);
      const line = drawn('g', { class: 'state', 'data-state': one.name });
      line.addEventListener('click', () => pick(one));
      line.append(drawn('text', { x: 0, y: y + 13 }, `${one.name} ${one.at ? `:${one.at.split(':').slice(-2)[0]}` : ''}`));
      line.append(drawn('rect', { x: left, y, width, height, class: `rest${one === state ? ' chosen' : ''}` }));
      for (const thing of one.held) {
        const box = drawn('rect', { x: left + thing.offset * scale, y, width: Math.max(thing.size * scale, 0.5), height, class: thing.kind });
        box.append(drawn('title', {}, `${called(thing)}: ${counted(thing.size, 'byte')} at ${grouped(thing.offset)}`));
        line.append(box);
      }
      chart.append(line);
    });
    return chart;
  }

  /** What all bytes are there for. */
  function sum(future, state) {
    const parts = [`${grouped(state.bytes)} held`, `tag ${grouped(future.tag)}`, `padding ${grouped(future.padding)}`, `${grouped(state.free)} free (what only other states use)`];
    return `${state.name}${state.at ? `, waiting at ${state.at}` : ''}: ${counted(future.size, 'byte')}: ${parts.join(', ')}`;
  }

  function heldIn(future, state) {
    const head = make('tr', {}, ...['bytes', 'offset', 'name', 'kind', 'type', 'declared', 'why it is held'].map((title, at) => make('th', { scope: 'col', class: at < 2 ? 'number' : '' }, title)));
    const table = make('table', {}, make('caption', {}, sum(future, state)), make('thead', {}, head));
    const body = make('tbody');
    for (const thing of [...state.held].sort((a, b) => b.size - a.size)) {
      const other = byId.get(thing.future);
      const name = other ? make('button', { on: { click: () => choose(other) } }, called(thing)) : called(thing);
      body.append(make('tr', {}, make('td', { class: 'number' }, grouped(thing.size)), make('td', { class: 'number' }, grouped(thing.offset)), make('td', {}, name), make('td', {}, thing.kind), make('td', {}, thing.type), make('td', {}, thing.declared), make('td', {}, thing.why)));
    }
    table.append(body);
    return table;
  }

  function detail(state = chosen && largestState(chosen)) {
    const pane = by('detail');
    pane.hidden = !chosen;
    if (!chosen) return;
    const legend = make('div', { class: 'legend' });
    for (const [kind, title] of [['local', 'local'], ['upvar', 'argument or capture'], ['awaitee', 'awaited future'], ['temporary', 'temporary'], ['flag', 'drop flag'], ['rest', 'tag, padding and free']]) {
      legend.append(make('span', {}, make('i', { class: kind }), title));
    }
    const facts = `${chosen.kind} in ${chosen.where} (${chosen.krate}, ${chosen.unit}): ${counted(chosen.size, 'byte')}, ${data.cacheLine ? `${counted(chosen.lines, 'cache line')}, ` : ''}aligned to ${chosen.align}; tag ${grouped(chosen.tag)}, padding ${grouped(chosen.padding)}, stored twice ${grouped(chosen.twice)}`;
    pane.replaceChildren(make('h2', {}, chosen.name), make('p', {}, facts), make('p', { class: 'type' }, chosen.type), picture(chosen, state, detail), legend);
    if (state) pane.append(heldIn(chosen, state));
  }

  /** The address says which future is shown, so that a link leads to it and "back" works. */
  function choose(future) {
    const hash = future ? `#${encodeURIComponent(future.id)}` : '';
    if (location.hash !== hash) history.pushState(null, '', hash || location.pathname + location.search);
    show();
  }
  function show() {
    let id = '';
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { /* somebody typed it */ }
    chosen = byId.get(id) ?? null;
    rows();
    overview();
    detail();
  }

  by('filter').addEventListener('input', list);
  by('scroll').addEventListener('scroll', rows);
  addEventListener('popstate', show);
  addEventListener('resize', () => { rows(); overview(); });
  list();
  show();
})();
