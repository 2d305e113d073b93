// The view "Futures": everything measured, largest first.

import * as vscode from 'vscode';
import { bytes, lines } from './bytes';
import type { ReportedFuture } from './protocol';
import type { Server } from './server';

type GroupBy = 'crate' | 'file';

interface Group {
  kind: 'group';
  name: string;
  root: string;
  /** The file, if the group is one. */
  uri: vscode.Uri | undefined;
  futures: Future[];
}

export interface Future {
  kind: 'future';
  future: ReportedFuture;
  key: string;
}

type Node = Group | Future;

export class Futures implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly view: vscode.TreeView<Node>;
  private readonly subscriptions: vscode.Disposable[];
  private groups: Group[] = [];
  private all: { root: string; future: ReportedFuture }[] = [];
  private groupBy: GroupBy;
  private words = '';
  private trouble = '';
  private asked = 0;

  constructor(
    private readonly server: Server,
    private readonly memory: vscode.Memento,
  ) {
    this.groupBy = memory.get<GroupBy>('groupBy', 'crate');
    this.view = vscode.window.createTreeView('futurelens.futures', { treeDataProvider: this, showCollapseAll: true });
    this.subscriptions = [
      this.view,
      this.changed,
      server.onLife((life) => (life.state === 'running' ? void this.refresh() : this.forget())),
      server.onStatus((status) => {
        if (status.state !== 'building') void this.refresh();
      }),
      server.onTold(() => void this.refresh()),
      this.view.onDidChangeVisibility((now) => {
        if (now.visible) void this.refresh();
      }),
    ];
    this.setGroupBy(this.groupBy);
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  setGroupBy(groupBy: GroupBy): void {
    this.groupBy = groupBy;
    void this.memory.update('groupBy', groupBy);
    void vscode.commands.executeCommand('setContext', 'futurelens.groupBy', groupBy);
    this.arrange();
  }

  async filter(): Promise<void> {
    const words = await vscode.window.showInputBox({
      title: 'Filter futures',
      prompt: 'Names that have all of these words in them; nothing for all.',
      value: this.words,
    });
    if (words !== undefined) this.setFilter(words);
  }

  setFilter(words: string): void {
    this.words = words.trim();
    void vscode.commands.executeCommand('setContext', 'futurelens.filtered', this.words !== '');
    this.arrange();
  }

  /** Asks the server anew. */
  async refresh(): Promise<void> {
    const number = ++this.asked;
    const answer = await this.server.report();
    if (number !== this.asked) return;
    if ('value' in answer) {
      this.trouble = '';
      this.all = answer.value.workspaces.flatMap(({ root, futures }) => futures.map((future) => ({ root, future })));
    } else if (answer.none === 'unknown') {
      this.trouble = 'This server is too old for a list of all futures.';
      this.all = [];
    } else if (answer.none === 'stopped') {
      this.all = [];
    }
    this.arrange();
  }

  /** All futures in one list to pick from. */
  async pick(): Promise<void> {
    await this.refresh();
    if (this.trouble || this.all.length === 0) {
      void vscode.window.showInformationMessage(`futurelens: ${this.trouble || 'nothing is measured yet.'}`);
      return;
    }
    const sorted = [...this.all].sort((a, b) => larger(a.future, b.future));
    const choice = await vscode.window.showQuickPick(
      sorted.map(({ future }) => ({
        label: plain(future.name),
        description: [bytes(future.size), growth(future), marks(future)].filter(Boolean).join(' · '),
        detail: plain(`${future.kind} of ${future.crate}${place(future) ? `, ${place(future)}` : ''}`),
        future,
      })),
      { title: 'All futures, largest first', matchOnDetail: true },
    );
    if (choice) await reveal(choice.future);
  }

  getChildren(node?: Node): Node[] {
    if (!node) return this.groups;
    return node.kind === 'group' ? node.futures : [];
  }

  getTreeItem(node: Node): vscode.TreeItem {
    if (node.kind === 'group') {
      const item = new vscode.TreeItem(node.name, vscode.TreeItemCollapsibleState.Expanded);
      item.id = `group ${this.groupBy} ${node.root} ${node.name}`;
      item.description = String(node.futures.length);
      item.iconPath = node.uri ? vscode.ThemeIcon.File : new vscode.ThemeIcon('package');
      if (node.uri) item.resourceUri = node.uri;
      item.tooltip = node.uri?.fsPath ?? `${node.name} in ${node.root}`;
      return item;
    }
    const { future, key } = node;
    // The size comes first: a long name is cut.
    const item = new vscode.TreeItem([bytes(future.size), growth(future), ` ${future.name}`].filter(Boolean).join(' '));
    item.id = key;
    item.description = marks(future);
    item.tooltip = tooltip(future);
    item.contextValue = 'future';
    item.accessibilityInformation = { label: `${future.name}, ${tooltip(future)}` };
    item.iconPath = future.overBudget
      ? new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground'))
      : future.stale
        ? new vscode.ThemeIcon('history')
        : new vscode.ThemeIcon('symbol-method');
    if (future.location) item.command = { command: 'futurelens.tree.open', title: 'Go to Future', arguments: [node] };
    return item;
  }

  private forget(): void {
    this.asked++;
    this.all = [];
    this.arrange();
  }

  private arrange(): void {
    const words = this.words.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = this.all.filter(({ future }) => {
      const name = `${future.name} ${place(future)}`.toLowerCase();
      return words.every((word) => name.includes(word));
    });
    const groups = new Map<string, Group>();
    const keys = new Map<string, number>();
    for (const { root, future } of shown.sort((a, b) => larger(a.future, b.future))) {
      const uri = this.groupBy === 'file' && future.location ? vscode.Uri.parse(future.location.uri) : undefined;
      const name = uri ? vscode.workspace.asRelativePath(uri) : future.crate;
      const id = `${root} ${name}`;
      const group = groups.get(id) ?? { kind: 'group', name, root, uri, futures: [] };
      groups.set(id, group);
      // Instances may share a name; ids in a tree must not repeat.
      const same = `${id} ${future.unit} ${future.id}`;
      const count = keys.get(same) ?? 0;
      keys.set(same, count + 1);
      group.futures.push({ kind: 'future', future, key: `${same} ${count}` });
    }
    // In the order of their largest: that is the order in which they were met.
    this.groups = [...groups.values()];
    const over = this.all.filter(({ future }) => future.overBudget).length;
    this.view.badge = over ? { value: over, tooltip: `${over} over budget` } : undefined;
    this.view.description = this.words ? `"${this.words}"` : '';
    const nothing = this.all.length ? (shown.length ? '' : 'No future has these words in its name.') : '';
    this.view.message = this.trouble || nothing || (undefined as unknown as string);
    this.changed.fire();
  }
}

/** Goes to the place in the source. */
export async function reveal(future: ReportedFuture): Promise<void> {
  if (!future.location) {
    void vscode.window.showInformationMessage('futurelens: it is not known where this future is made.');
    return;
  }
  await goTo(future.location);
}

/** Shows a place in an editor that is not the layout's. */
export async function goTo(location: NonNullable<ReportedFuture['location']>, beside?: vscode.ViewColumn): Promise<void> {
  const uri = vscode.Uri.parse(location.uri);
  // Sources are files. Commands take whatever a link gives them.
  if (uri.scheme !== 'file') return;
  const { start, end } = location.range;
  const selection = new vscode.Range(start.line, start.character, end.line, end.character);
  const options: vscode.TextDocumentShowOptions = { selection };
  if (beside !== undefined) options.viewColumn = beside;
  await vscode.window.showTextDocument(uri, options);
}

function larger(a: ReportedFuture, b: ReportedFuture): number {
  return b.size - a.size || a.name.localeCompare(b.name);
}

function growth(future: ReportedFuture): string {
  const change = future.before === null ? 0 : future.size - future.before;
  if (change === 0) return '';
  return change > 0 ? `▲ +${bytes(change)}` : `▼ −${bytes(-change)}`;
}

function marks(future: ReportedFuture): string {
  return [future.overBudget ? 'over budget' : '', future.stale ? 'stale' : ''].filter(Boolean).join(' · ');
}

function tooltip(future: ReportedFuture): string {
  const budget = future.budget === null ? '' : `, budget ${bytes(future.budget)}`;
  const change = growth(future);
  return [
    `${future.kind} ${future.name}`,
    `${bytes(future.size)}${future.cacheLines === null ? '' : ` in ${lines(future.cacheLines)}`}${budget}${future.overBudget ? ': over budget' : ''}`,
    change ? `${change} since the build before` : '',
    future.stale ? 'measured on an older text' : '',
    place(future),
  ]
    .filter(Boolean)
    .join('\n');
}

function place(future: ReportedFuture): string {
  if (!future.location) return '';
  const file = vscode.workspace.asRelativePath(vscode.Uri.parse(future.location.uri));
  return `${file}:${future.location.range.start.line + 1}`;
}

/** Without what a quick pick would draw as an icon. */
function plain(text: string): string {
  return text.replaceAll('$(', '$\u200b(');
}
