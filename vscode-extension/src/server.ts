// The server's life: found, started, started again after a crash, stopped.

import { constants as access } from 'node:fs';
import { access as tryAccess } from 'node:fs/promises';
import { homedir } from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  ResponseError,
  type ClientCapabilities,
  type FeatureState,
  type StaticFeature,
} from 'vscode-languageclient/node';
import { isInside } from './inside';
import { plain } from './messages';
import { concernsServer, serverSettings } from './settings';
import type { Layout, Position, Report, Status } from './protocol';

/** Where the server comes from. */
type Missing = { missing: string; install: boolean };
type Found = { command: string } | Missing;

/** What the rest of the extension sees of the server. */
export type Life =
  | { state: 'untrusted' }
  | { state: 'starting' }
  | { state: 'running'; version: string }
  | { state: 'stopped'; why: string; missing?: boolean };

/** This many crashes in so many milliseconds are enough. */
const CRASHES = 5;
const CRASH_WINDOW = 3 * 60_000;
/** Milliseconds before the first start after a crash; doubled for each that follows. */
const FIRST_PAUSE = 500;

/** What a request came to. `unknown`: the server is of a version that does not know it. */
export type Answer<T> = { value: T } | { none: 'stopped' | 'unknown' | 'failed' };

export class Server implements vscode.Disposable {
  private readonly lifeChanged = new vscode.EventEmitter<Life>();
  private readonly statusCame = new vscode.EventEmitter<Status>();
  private readonly wasTold = new vscode.EventEmitter<void>();
  /** The server starts, runs or stops. */
  readonly onLife = this.lifeChanged.event;
  /** The server says what it does. */
  readonly onStatus = this.statusCame.event;
  /** The server was told of other settings: its answers may be others now. */
  readonly onTold = this.wasTold.event;
  life: Life = { state: 'starting' };

  private client: LanguageClient | undefined;
  /** What the last start found: a program, or why there is none. */
  private found: string | undefined;
  /** The settings that the server was told last. */
  private told = '';
  private crashes: number[] = [];
  private timer: NodeJS.Timeout | undefined;
  /** Each start has a number; what an older one still says does not count. */
  private number = 0;
  /** One start or stop at a time. */
  private queue: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: vscode.ExtensionContext,
    readonly output: vscode.OutputChannel,
  ) {}

  /** Starts it, or says why not. */
  start(): Promise<void> {
    return this.enqueue(() => this.startNow());
  }

  /** Stops it and starts it again, whatever happened before. */
  restart(): Promise<void> {
    return this.enqueue(() => this.restartNow());
  }

  stop(): Promise<void> {
    return this.enqueue(() => this.stopNow());
  }

  /** The user changed settings, or trust let those of the workspace hold. A start that is under way may have read
   * the old ones: it is waited for. */
  settingsChanged(change: vscode.ConfigurationChangeEvent): Promise<void> {
    const another = change.affectsConfiguration('futurelens.server');
    if (!another && !concernsServer(change)) return Promise.resolve();
    return this.enqueue(async () => {
      if (another && (await this.isAnother())) await this.restartNow();
      else if (this.life.state === 'running') await this.tell();
    });
  }

  layoutAt(uri: vscode.Uri, position: Position): Promise<Answer<Layout | null>> {
    const client = this.client;
    if (!client) return Promise.resolve({ none: 'stopped' });
    return this.ask('futurelens/layout', {
      textDocument: { uri: client.code2ProtocolConverter.asUri(uri) },
      position: { line: position.line, character: position.character },
    });
  }

  layoutOf(id: string): Promise<Answer<Layout | null>> {
    return this.ask('futurelens/layout', { id });
  }

  report(): Promise<Answer<Report>> {
    return this.ask('futurelens/report', {});
  }

  async measure(): Promise<void> {
    await this.client?.sendRequest('workspace/executeCommand', { command: 'futurelens.rebuild', arguments: [] });
  }

  /** The program that a start would take now. In a workspace that is not trusted, none that lies in it. */
  async program(): Promise<Found> {
    const found = await find(this.context);
    if (vscode.workspace.isTrusted) return found;
    // It is not offered to install one: cargo heeds files of the folder that it is run in.
    if ('missing' in found) return { ...found, install: false };
    const folders = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
    if (!(await isInside(found.command, folders))) return found;
    return { missing: `the server lies in a workspace that is not trusted: ${found.command}`, install: false };
  }

  /** What it is run with. It needs cargo and rustc as much as we need it. */
  environment(): NodeJS.ProcessEnv {
    return { ...process.env, PATH: searchPath().join(path.delimiter) };
  }

  dispose(): void {
    void this.stop();
    this.lifeChanged.dispose();
    this.statusCame.dispose();
    this.wasTold.dispose();
  }

  /** Would a start now take another program? */
  private async isAnother(): Promise<boolean> {
    if (this.life.state === 'untrusted') return false;
    return nameOf(await find(this.context)) !== this.found;
  }

  /** Tells the server what is set, if that is something new. */
  private async tell(): Promise<void> {
    const futurelens = serverSettings(this.context);
    const told = JSON.stringify(futurelens);
    if (told === this.told) return;
    this.told = told;
    await this.client?.sendNotification('workspace/didChangeConfiguration', { settings: { futurelens } });
    this.wasTold.fire();
  }

  private async ask<T>(method: string, params: object): Promise<Answer<T>> {
    const client = this.client;
    if (!client || this.life.state !== 'running') return { none: 'stopped' };
    try {
      return { value: await client.sendRequest<T>(method, params) };
    } catch (error) {
      if (client !== this.client) return { none: 'stopped' };
      const METHOD_NOT_FOUND = -32601;
      if (error instanceof ResponseError && error.code === METHOD_NOT_FOUND) return { none: 'unknown' };
      this.output.appendLine(`${method}: ${text(error)}`);
      return { none: 'failed' };
    }
  }

  private enqueue(work: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(work, work);
    return this.queue;
  }

  private turn(life: Life): void {
    this.life = life;
    this.lifeChanged.fire(life);
  }

  private async startNow(): Promise<void> {
    clearTimeout(this.timer);
    if (!vscode.workspace.isTrusted) {
      this.turn({ state: 'untrusted' });
      return;
    }
    if (this.client) return;
    this.turn({ state: 'starting' });
    const found = await find(this.context);
    this.found = nameOf(found);
    if ('missing' in found) {
      this.turn({ state: 'stopped', why: found.missing, missing: true });
      // Not awaited: the message stays for as long as the user likes.
      void this.offer(found);
      return;
    }
    const number = ++this.number;
    const client = this.makeClient(found.command, () => {
      if (number === this.number) this.crashed();
    });
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      this.output.appendLine(`${found.command}: ${text(error)}`);
      if (number === this.number) this.crashed();
      return;
    }
    if (this.client !== client) return;
    const version = client.initializeResult?.serverInfo?.version ?? 'of unknown version';
    this.output.appendLine(`futurelens ${version}: ${found.command}`);
    this.turn({ state: 'running', version });
  }

  private async restartNow(): Promise<void> {
    this.crashes = [];
    await this.stopNow();
    await this.startNow();
  }

  private async stopNow(): Promise<void> {
    clearTimeout(this.timer);
    this.number++;
    const client = this.client;
    this.client = undefined;
    this.turn({ state: 'stopped', why: 'stopped' });
    if (client?.needsStop()) await client.stop().catch((error: unknown) => this.output.appendLine(text(error)));
  }

  private makeClient(command: string, crashed: () => void): LanguageClient {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
    const env = this.environment();
    const options = folder?.scheme === 'file' ? { env, cwd: folder.fsPath } : { env };
    const run = { command, args: [], options };
    const settings = serverSettings(this.context);
    this.told = JSON.stringify(settings);
    const client = new LanguageClient(
      'futurelens',
      'futurelens',
      { run, debug: run },
      {
        documentSelector: [{ scheme: 'file', language: 'rust' }],
        outputChannel: this.output,
        initializationOptions: settings,
        // A crash is handled here, with pauses; the library would start it again at once.
        errorHandler: {
          error: () => ({ action: ErrorAction.Continue, handled: true }),
          closed: () => {
            crashed();
            return { action: CloseAction.DoNotRestart, handled: true };
          },
        },
        initializationFailedHandler: () => false,
      },
    );
    client.registerFeature(new Capabilities());
    client.onNotification('futurelens/status', (status: Status) => this.statusCame.fire(status));
    return client;
  }

  private crashed(): void {
    this.number++;
    this.client = undefined;
    const now = Date.now();
    this.crashes = [...this.crashes.filter((time) => now - time < CRASH_WINDOW), now];
    const count = this.crashes.length;
    if (count > CRASHES) {
      const why = `the server ended ${count} times in three minutes`;
      this.turn({ state: 'stopped', why });
      void vscode.window
        .showErrorMessage(`futurelens: ${why}.`, 'Restart', 'Show Output')
        .then((choice) => (choice === 'Restart' ? this.restart() : choice && this.output.show()));
      return;
    }
    const pause = FIRST_PAUSE * 2 ** (count - 1);
    this.output.appendLine(`The server ended; it is started again in ${pause / 1000} s.`);
    this.turn({ state: 'starting' });
    this.timer = setTimeout(() => void this.start(), pause);
  }

  /** Says that there is no program, and what can be done about it. */
  async offer(found: Missing): Promise<void> {
    const install = 'Run cargo install';
    const settings = 'Open Settings';
    const buttons = found.install ? [install, settings] : [settings];
    const choice = await vscode.window.showErrorMessage(`futurelens: ${plain(found.missing)}.`, ...buttons);
    if (choice === settings) {
      await vscode.commands.executeCommand('workbench.action.openSettings', 'futurelens.server.path');
    } else if (choice === install) {
      const terminal = vscode.window.createTerminal('cargo install futurelens');
      terminal.show();
      terminal.sendText('cargo install futurelens');
      await vscode.window.showInformationMessage('futurelens: start the server when cargo is done.', 'Start');
      await this.restart();
    }
  }
}

/** Tells the server that we want to know what it does. */
class Capabilities implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    const before: unknown = capabilities.experimental;
    capabilities.experimental = { ...(before as object | undefined), futurelens: { status: true } };
  }
  initialize(): void {}
  getState(): FeatureState {
    return { kind: 'static' };
  }
  clear(): void {}
}

/** The explicit setting, the server that came with the extension, the `PATH`: in this order. */
async function find(context: vscode.ExtensionContext): Promise<Found> {
  const set = vscode.workspace.getConfiguration('futurelens').get<string | null>('server.path')?.trim();
  if (set) {
    const command = expand(set);
    const isPath = command.includes('/') || command.includes(path.sep);
    const at = isPath ? ((await isProgram(command)) ? command : undefined) : await onPath(command);
    if (at) return { command: at };
    return { missing: `the server of the setting futurelens.server.path is not a program: ${command}`, install: false };
  }
  const bundled = context.asAbsolutePath(path.join('server', program('futurelens')));
  if (await isProgram(bundled)) return { command: bundled };
  const at = await onPath('futurelens');
  if (at) return { command: at };
  return { missing: 'the server is not installed: no futurelens on the PATH', install: true };
}

function nameOf(found: Found): string {
  return 'command' in found ? found.command : found.missing;
}

function expand(set: string): string {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
  return set.replace(/^~(?=[/\\]|$)/, () => homedir()).replaceAll('${workspaceFolder}', () => folder);
}

function program(name: string): string {
  return process.platform === 'win32' && !name.toLowerCase().endsWith('.exe') ? `${name}.exe` : name;
}

/** The folders of the `PATH`, and cargo's own: editors started from a desktop often lack it. */
function searchPath(): string[] {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter(Boolean);
  const cargo = path.join(process.env['CARGO_HOME'] || path.join(homedir(), '.cargo'), 'bin');
  return folders.includes(cargo) ? folders : [...folders, cargo];
}

async function onPath(name: string): Promise<string | undefined> {
  for (const folder of searchPath().filter((one) => path.isAbsolute(one))) {
    const at = path.join(folder, program(name));
    if (await isProgram(at)) return at;
  }
  return undefined;
}

async function isProgram(at: string): Promise<boolean> {
  return tryAccess(at, access.X_OK).then(
    () => true,
    () => false,
  );
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
