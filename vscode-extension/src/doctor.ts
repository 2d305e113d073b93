// `futurelens doctor` in a document: what measures, why, and what is in the way.

import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { plain } from './messages';
import type { Server } from './server';
import { serverSettings } from './settings';

const SCHEME = 'futurelens-doctor';

export class Doctor implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  /** What was said last, by document. */
  private readonly said = new Map<string, { project: string; text: string }>();
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly server: Server,
  ) {}

  provideTextDocumentContent(uri: vscode.Uri): string {
    // A window that is loaded again still has the document. Nothing is run only because one is opened.
    return this.said.get(uri.toString())?.text ?? 'The command "futurelens: Doctor" fills this in.\n';
  }

  /** Looks at the project of the active editor, else at that of the first folder, and shows what is found. */
  async run(): Promise<void> {
    const project = await this.project();
    if (project === undefined) {
      void vscode.window.showInformationMessage('futurelens: open the folder of a project first.');
      return;
    }
    const found = await this.server.program();
    if ('missing' in found) {
      await this.server.offer(found);
      return;
    }
    const settings = vscode.workspace.isTrusted ? serverSettings(this.context) : undefined;
    const words = doctorArguments(project, settings);
    const answer = await ask(found.command, words, this.server.environment());
    if ('text' in answer) await this.show(project, answer.text);
    else if (answer.why) void vscode.window.showErrorMessage(`futurelens: ${plain(answer.why)}`);
  }

  dispose(): void {
    this.registration.dispose();
    this.changed.dispose();
  }

  private async project(): Promise<string | undefined> {
    const active = vscode.window.activeTextEditor?.document.uri;
    // From its own document it looks again at the same project.
    const before = active && this.said.get(active.toString());
    if (before) return before.project;
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
    const own = active?.scheme === 'file' ? vscode.workspace.getWorkspaceFolder(active) : undefined;
    const folder = own ?? folders[0];
    return folder && (await projectIn(folder, own && active?.fsPath));
  }

  private async show(project: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({
      scheme: SCHEME,
      path: `/futurelens doctor: ${path.basename(project)}`,
      query: project,
    });
    this.said.set(uri.toString(), { project, text });
    // If it is open, it is read again.
    this.changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    const shown = vscode.window.visibleTextEditors.find((editor) => editor.document === document);
    await vscode.window.showTextDocument(document, shown?.viewColumn ?? vscode.ViewColumn.Beside);
  }
}

/** The command line. With no settings nothing of the project may be run, and so they would not be heeded. A value is
 * joined to its option: one that begins with a dash is still a value. */
export function doctorArguments(project: string, settings: Record<string, unknown> | undefined): string[] {
  const words = ['doctor', '--format=text'];
  if (!settings) return [...words, '--untrusted', project];
  const cargo = (settings['cargo'] ?? {}) as Record<string, unknown>;
  const toolchain = settings['toolchain'];
  const targetDir = cargo['targetDir'];
  const options = {
    toolchain: toolchain === 'auto' ? undefined : toolchain,
    profile: settings['profile'],
    target: cargo['target'],
    // The server starts at the project, a command where it is run.
    'target-dir': typeof targetDir === 'string' && targetDir ? path.resolve(project, targetDir) : undefined,
  };
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'string' && value) words.push(`--${name}=${value}`);
  }
  return [...words, project];
}

/** What the program says, or why it says nothing; an empty reason if the user did not wait. */
function ask(command: string, words: string[], env: NodeJS.ProcessEnv): Thenable<{ text: string } | { why: string }> {
  const title = 'futurelens: looking at the compilers';
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, (_, token) => {
    const ended = new AbortController();
    token.onCancellationRequested(() => ended.abort());
    return new Promise((resolve) => {
      execFile(command, words, { env, signal: ended.signal, windowsHide: true }, (error, stdout, stderr) => {
        if (!error) resolve({ text: stdout });
        else resolve({ why: ended.signal.aborted ? '' : failure(command, stderr || error.message) });
      });
    });
  });
}

export function failure(command: string, said: string): string {
  if (said.includes("unrecognized subcommand 'doctor'")) return `this server is too old to say: ${command}`;
  const first = said.split('\n').find((line) => line.trim()) ?? 'it says nothing';
  return `${command} cannot say: ${first.trim()}`;
}

/** Of the folders on the way to a file the outermost that has a `Cargo.toml`; else one just inside the folder. */
async function projectIn(folder: vscode.WorkspaceFolder, file: string | undefined): Promise<string> {
  const root = folder.uri.fsPath;
  const names = file ? path.relative(root, path.dirname(file)).split(path.sep).filter(Boolean) : [];
  for (let depth = 0; depth <= names.length; depth++) {
    const at = path.join(root, ...names.slice(0, depth));
    if (await exists(path.join(at, 'Cargo.toml'))) return at;
  }
  const inside = await vscode.workspace.findFiles(new vscode.RelativePattern(folder, '*/Cargo.toml'), null, 1);
  return inside[0] ? path.dirname(inside[0].fsPath) : root;
}

async function exists(at: string): Promise<boolean> {
  return access(at).then(
    () => true,
    () => false,
  );
}
