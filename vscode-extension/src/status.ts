// The item in the status bar.

import * as vscode from 'vscode';
import type { Life, Server } from './server';
import type { Status } from './protocol';

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('futurelens.status', vscode.StatusBarAlignment.Left, 0);
  /** The last word on each project. */
  private readonly projects = new Map<string, Status>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(server: Server) {
    this.item.name = 'futurelens';
    this.subscriptions = [
      this.item,
      server.onLife((life) => {
        if (life.state !== 'running') this.projects.clear();
        this.draw(life);
      }),
      server.onStatus((status) => {
        this.projects.set(status.root, status);
        this.draw(server.life);
      }),
    ];
    this.draw(server.life);
    this.item.show();
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private draw(life: Life): void {
    this.item.command = 'futurelens.menu';
    this.item.backgroundColor = undefined;
    switch (life.state) {
      case 'untrusted':
        this.item.text = '$(shield) futurelens: workspace not trusted';
        this.item.tooltip =
          'Nothing is measured: a size build runs the build scripts and proc macros of the project. Click to manage trust.';
        this.item.command = 'workbench.trust.manage';
        return;
      case 'starting':
        this.item.text = '$(loading~spin) futurelens';
        this.item.tooltip = 'The futurelens server starts.';
        return;
      case 'stopped':
        this.item.text = `$(error) futurelens: ${life.missing ? 'no server' : 'stopped'}`;
        this.item.tooltip = `The futurelens server does not run: ${life.why}.`;
        this.item.backgroundColor = new vscode.ThemeColor('statusBarItem.warningBackground');
        return;
      case 'running':
        this.drawProjects(`futurelens ${life.version}`);
    }
  }

  private drawProjects(version: string): void {
    const all = [...this.projects.values()];
    // What the user waits for or has to mend comes first.
    const rank = ['building', 'error', 'stale', 'idle'] as const;
    const first = [...all].sort((a, b) => rank.indexOf(a.state) - rank.indexOf(b.state))[0];
    this.item.text = first ? label(first) : 'futurelens';
    if (first?.state === 'error') this.item.backgroundColor = new vscode.ThemeColor('statusBarItem.warningBackground');
    // Plain text: names and messages come from the project.
    const projects = all.map((status) => `${folderName(status.root)}: ${words(status)}`);
    this.item.tooltip = [version, ...projects].join('\n');
  }
}

function label(status: Status): string {
  switch (status.state) {
    case 'building': {
      const count = status.total ? ` ${status.done ?? 0}/${status.total}` : '';
      // An icon in a crate's name would be drawn.
      const crate = status.crate ? `: ${status.crate.replaceAll('$', '')}` : '';
      return `$(loading~spin) futurelens${crate}${count}`;
    }
    case 'stale':
      return '$(history) futurelens: stale';
    case 'error':
      return '$(warning) futurelens: cannot measure';
    case 'idle':
      return 'futurelens';
  }
}

function words(status: Status): string {
  const message = status.message ? `: ${status.message}` : '';
  switch (status.state) {
    case 'building':
      return `measuring${status.crate ? ` ${status.crate}` : ''}`;
    case 'stale':
      return `numbers of an older text${message}`;
    case 'error':
      return `cannot be measured${message}`;
    case 'idle':
      return status.compiler ? `measured with ${status.compiler}` : 'measured';
  }
}

function folderName(root: string): string {
  const path = root.startsWith('file:') ? vscode.Uri.parse(root).path : root;
  return path.split(/[/\\]/).filter(Boolean).pop() ?? root;
}
