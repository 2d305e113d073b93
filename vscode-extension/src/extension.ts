import * as vscode from 'vscode';
import { Doctor } from './doctor';
import { Futures, reveal, type Future } from './futures';
import { explain, LayoutPanel } from './layoutPanel';
import { Server } from './server';
import { StatusItem } from './status';

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const output = vscode.window.createOutputChannel('futurelens');
  server = new Server(context, output);
  const futures = new Futures(server, context.workspaceState);
  const layouts = new LayoutPanel(context, server);
  const doctor = new Doctor(context, server);
  const live = server;
  const command = (name: string, run: (...args: never[]) => unknown) =>
    vscode.commands.registerCommand(`futurelens.${name}`, run);
  context.subscriptions.push(
    output,
    live,
    futures,
    layouts,
    doctor,
    new StatusItem(live),
    live.onLife((life) => void setContext('running', life.state === 'running')),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void live.start()),
    vscode.workspace.onDidChangeConfiguration((change) => void live.settingsChanged(change)),
    command('measure', () => live.measure()),
    command('restart', () => live.restart()),
    command('doctor', () => doctor.run()),
    command('showOutput', () => output.show()),
    command('showReport', () => futures.pick()),
    command('showLayout', () => showLayout(layouts)),
    command('copyExplanation', () => copyExplanation(live)),
    command('menu', () => menu()),
    command('tree.filter', () => futures.filter()),
    command('tree.clearFilter', () => futures.setFilter('')),
    command('tree.byFile', () => futures.setGroupBy('file')),
    command('tree.byCrate', () => futures.setGroupBy('crate')),
    // With nothing when they are called by their names.
    command('tree.open', (node?: Future) => node?.kind === 'future' && reveal(node.future)),
    command('tree.layout', (node?: Future) => node?.kind === 'future' && layouts.show({ id: node.future.id })),
  );
  await setContext('active', true);
  // Not awaited: commands and views work while the server starts.
  void live.start();
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}

function setContext(name: string, value: boolean): Thenable<unknown> {
  return vscode.commands.executeCommand('setContext', `futurelens.${name}`, value);
}

/** The cursor in a Rust file. */
function cursor(): { uri: vscode.Uri; position: vscode.Position } | undefined {
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.languageId === 'rust') return { uri: editor.document.uri, position: editor.selection.active };
  void vscode.window.showInformationMessage('futurelens: put the cursor into an async fn first.');
  return undefined;
}

async function showLayout(layouts: LayoutPanel): Promise<void> {
  const at = cursor();
  if (at) await layouts.show(at);
}

async function copyExplanation(live: Server): Promise<void> {
  const at = cursor();
  if (!at) return;
  const answer = await live.layoutAt(at.uri, at.position);
  if ('value' in answer && answer.value) {
    await vscode.env.clipboard.writeText(answer.value.text);
    vscode.window.setStatusBarMessage(`Copied the explanation of ${answer.value.name.replaceAll('$', '')}.`, 4000);
  } else {
    void vscode.window.showInformationMessage(`futurelens: ${explain(answer)}`);
  }
}

async function menu(): Promise<void> {
  const choice = await vscode.window.showQuickPick(
    [
      { label: '$(refresh) Measure again', command: 'measure' },
      { label: '$(layout) Show the layout of this future', command: 'showLayout' },
      { label: '$(list-ordered) Show all futures, largest first', command: 'showReport' },
      { label: '$(pulse) Doctor: which compiler measures, and why', command: 'doctor' },
      { label: '$(output) Show output', command: 'showOutput' },
      { label: '$(debug-restart) Restart server', command: 'restart' },
    ],
    { title: 'futurelens' },
  );
  if (choice) await vscode.commands.executeCommand(`futurelens.${choice.command}`);
}
