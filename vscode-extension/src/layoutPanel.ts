// The layout of one future, drawn beside the code.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { goTo } from './futures';
import type { FromView, Layout, Location, Position, ToView } from './protocol';
import type { Answer, Server } from './server';

/** What is shown: a future by its id, or whichever is at a place. */
type Subject = { id: string } | { uri: vscode.Uri; position: Position };

/** A cursor that rests for so many milliseconds is followed. */
const REST = 150;

export class LayoutPanel implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private layout: Layout | undefined;
  private nothing = '';
  /** The ids to come back to. */
  private history: string[] = [];
  private follow = false;
  private asked = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly server: Server,
  ) {
    this.subscriptions = [
      server.onStatus((status) => {
        if (status.state !== 'building') void this.refresh();
      }),
      server.onTold(() => void this.refresh()),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => this.cursorMoved(textEditor)),
      vscode.window.onDidChangeActiveTextEditor((editor) => editor && this.cursorMoved(editor)),
    ];
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.panel?.dispose();
    for (const one of this.subscriptions) one.dispose();
  }

  /** Shows a future; says why if it cannot. */
  async show(subject: Subject): Promise<void> {
    const number = ++this.asked;
    const answer = await this.ask(subject);
    if (number !== this.asked) return;
    const trouble = explain(answer);
    if (trouble && !this.panel) {
      void vscode.window.showInformationMessage(`futurelens: ${trouble}`);
      return;
    }
    this.history = [];
    this.take(answer);
    this.reveal();
  }

  /** Asks again for what is shown: it was measured again. */
  private async refresh(): Promise<void> {
    if (!this.panel || !this.layout) return;
    const { id, location } = this.layout;
    const number = ++this.asked;
    let answer = await this.ask({ id });
    // A future may get another id when its text changes; its place is the next best name.
    if ('value' in answer && !answer.value && location) {
      answer = await this.ask({ uri: vscode.Uri.parse(location.uri), position: location.range.start });
    }
    // What was there is better than nothing.
    if (number === this.asked && 'value' in answer && answer.value) this.take(answer);
  }

  private cursorMoved(editor: vscode.TextEditor): void {
    if (!this.panel || !this.follow || editor.document.languageId !== 'rust') return;
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      const number = ++this.asked;
      const answer = await this.ask({ uri: editor.document.uri, position: editor.selection.active });
      if (number !== this.asked || !('value' in answer) || !answer.value) return;
      if (answer.value.id !== this.layout?.id) this.history = [];
      this.take(answer);
    }, REST);
  }

  private ask(subject: Subject): Promise<Answer<Layout | null>> {
    return 'id' in subject
      ? this.server.layoutOf(subject.id)
      : this.server.layoutAt(subject.uri, subject.position);
  }

  private take(answer: Answer<Layout | null>): void {
    this.nothing = explain(answer);
    if ('value' in answer && answer.value) this.layout = answer.value;
    this.post();
  }

  private post(): void {
    if (!this.panel) return;
    const state = { back: this.history.length > 0, follow: this.follow };
    let message: ToView = { type: 'nothing', text: this.nothing, ...state };
    if (this.layout && !this.nothing) {
      message = { type: 'layout', layout: this.layout, ...state };
      this.panel.title = `Layout: ${this.layout.name.split('::').pop() ?? this.layout.name}`;
    }
    void this.panel.webview.postMessage(message);
  }

  private reveal(): void {
    if (this.panel) {
      this.panel.reveal(undefined, true);
      return;
    }
    const assets = vscode.Uri.joinPath(this.context.extensionUri, 'dist');
    this.panel = vscode.window.createWebviewPanel(
      'futurelens.layout',
      'Layout',
      { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true },
      { enableScripts: true, enableCommandUris: false, enableForms: false, localResourceRoots: [assets] },
    );
    this.panel.iconPath = vscode.Uri.joinPath(this.context.extensionUri, 'images', 'icon.svg');
    this.panel.onDidDispose(() => {
      this.panel = undefined;
      this.layout = undefined;
      this.follow = false;
      this.history = [];
    });
    this.panel.webview.onDidReceiveMessage((message: unknown) => {
      const heard = fromView(message);
      if (heard) void this.hear(heard);
    });
    this.panel.webview.html = page(this.panel.webview, assets);
  }

  private async hear(message: FromView): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.post();
        return;
      case 'open': {
        const from = this.layout?.id;
        if (message.id === from) return;
        const answer = await this.server.layoutOf(message.id);
        if ('value' in answer && answer.value) {
          if (from !== undefined) this.history.push(from);
          this.take(answer);
        }
        return;
      }
      case 'back': {
        const id = this.history.pop();
        if (id !== undefined) this.take(await this.server.layoutOf(id));
        return;
      }
      case 'copy':
        if (this.layout) await vscode.env.clipboard.writeText(this.layout.text);
        return;
      case 'follow': {
        this.follow = message.on;
        const editor = vscode.window.visibleTextEditors.find((one) => one.document.languageId === 'rust');
        if (this.follow && editor) this.cursorMoved(editor);
        return;
      }
      case 'go': {
        const at = this.place(message.state, message.held);
        if (at) await goTo(at, this.columnOf(at));
      }
    }
  }

  private place(state: number | null, held: number | null): Location | null {
    if (!this.layout) return null;
    if (state === null) {
      return (held === null ? undefined : this.layout.upvars[held])?.location ?? this.layout.location;
    }
    const at = this.layout.states[state];
    return (held === null ? undefined : at?.held[held])?.location ?? at?.location ?? null;
  }

  /** Where the file is shown already, else not over the picture. */
  private columnOf(at: Location): vscode.ViewColumn {
    const uri = vscode.Uri.parse(at.uri).toString();
    const shown = vscode.window.visibleTextEditors.find((editor) => editor.document.uri.toString() === uri);
    if (shown?.viewColumn) return shown.viewColumn;
    return this.panel?.viewColumn === vscode.ViewColumn.One ? vscode.ViewColumn.Two : vscode.ViewColumn.One;
  }
}

/** What the page says, if it is something that it may say. */
export function fromView(message: unknown): FromView | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { type, id, on, state, held } = message as Record<string, unknown>;
  switch (type) {
    case 'ready':
    case 'back':
    case 'copy':
      return { type };
    case 'open':
      return typeof id === 'string' ? { type, id } : undefined;
    case 'follow':
      return typeof on === 'boolean' ? { type, on } : undefined;
    case 'go':
      return isIndex(state) && isIndex(held) ? { type, state, held } : undefined;
    default:
      return undefined;
  }
}

/** A place in a list, or none. */
function isIndex(value: unknown): value is number | null {
  return value === null || (Number.isInteger(value) && (value as number) >= 0);
}

/** Why there is nothing to show; nothing if there is something. */
export function explain(answer: Answer<Layout | null>): string {
  if ('value' in answer) return answer.value ? '' : 'no measured future here.';
  switch (answer.none) {
    case 'unknown':
      return 'this server is too old to show layouts.';
    case 'stopped':
      return 'the server is not running.';
    case 'failed':
      return 'the server could not say; see the output.';
  }
}

function page(webview: vscode.Webview, assets: vscode.Uri): string {
  const nonce = randomBytes(16).toString('hex');
  const uri = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(assets, name)).toString();
  // No networking, no inline styles, one script.
  const policy = `default-src 'none'; base-uri 'none'; form-action 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${uri('layout.css')}">
<title>Layout</title>
</head>
<body>
<script nonce="${nonce}" src="${uri('layout.js')}"></script>
</body>
</html>`;
}
