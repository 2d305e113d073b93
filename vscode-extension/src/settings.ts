// The user's settings as the server takes them.

import * as vscode from 'vscode';

/** The keys of package.json under `futurelens.`, but for those that the extension itself reads. */
export function serverKeys(context: vscode.ExtensionContext): string[] {
  const manifest = context.extension.packageJSON as {
    contributes: { configuration: { properties: Record<string, unknown> } };
  };
  return Object.keys(manifest.contributes.configuration.properties)
    .map((key) => key.slice('futurelens.'.length))
    .filter((key) => !key.startsWith('server.'));
}

/** What the user has set, as one object, nested by the dots in the names. The rest is left to the server's own
 * defaults, so that a server of another version is not told of settings that it does not know. */
export function serverSettings(context: vscode.ExtensionContext): Record<string, unknown> {
  const own = vscode.workspace.getConfiguration('futurelens');
  const settings: Record<string, unknown> = {};
  for (const key of serverKeys(context)) {
    const value = isSet(own, key) ? own.get<unknown>(key) : fromRustAnalyzer(key);
    if (value !== null && value !== undefined) put(settings, key.split('.'), value);
  }
  return settings;
}

/** Does a change of settings concern the server? */
export function concernsServer(change: vscode.ConfigurationChangeEvent): boolean {
  return change.affectsConfiguration('futurelens') || change.affectsConfiguration('rust-analyzer.cargo');
}

/** What the user has told rust-analyzer and not us: how cargo is run is the same question for both. */
function fromRustAnalyzer(key: string): unknown {
  if (!key.startsWith('cargo.')) return undefined;
  const theirs = vscode.workspace.getConfiguration('rust-analyzer');
  if (!isSet(theirs, key)) return undefined;
  const value: unknown = theirs.get(key);
  switch (key) {
    case 'cargo.features':
      return value === 'all' || isStrings(value) ? value : undefined;
    case 'cargo.target':
      return typeof value === 'string' ? value : undefined;
    case 'cargo.targetDir':
      // `true` asks for a folder of its own in the project's target directory, which is our default. In a
      // folder shared with rust-analyzer the two would wait for each other.
      return typeof value === 'string' ? `${value}/futurelens` : undefined;
    case 'cargo.extraEnv':
      return stringsOf(value);
    default:
      return undefined;
  }
}

function isSet(settings: vscode.WorkspaceConfiguration, key: string): boolean {
  const places = settings.inspect(key);
  return [places?.globalValue, places?.workspaceValue, places?.workspaceFolderValue].some(
    (value) => value !== undefined && value !== null,
  );
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** rust-analyzer takes numbers in environments, too, and `null` for a variable that is to be removed. */
function stringsOf(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const entries = Object.entries(value).filter(([, one]) => ['string', 'number', 'boolean'].includes(typeof one));
  return Object.fromEntries(entries.map(([name, one]) => [name, String(one)]));
}

function put(into: Record<string, unknown>, path: string[], value: unknown): void {
  const [first, ...rest] = path;
  if (first === undefined) return;
  if (rest.length === 0) {
    into[first] = value;
  } else {
    put((into[first] ??= {}) as Record<string, unknown>, rest, value);
  }
}
