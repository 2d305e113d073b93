// Leaves out of code-server's workbench what no test uses and would take minutes and a compiler to install.
'use strict';
const fs = require('fs');
const manifest = JSON.parse(fs.readFileSync('package.json', 'utf8'));
const unused = [
  '@github/copilot-sdk', '@microsoft/mxc-sdk', '@devcontainers/cli', '@vscode/sandbox-runtime',
  '@vscode/copilot-api', '@vscode/sqlite3', 'ssh2', 'kerberos', '@vscode/windows-process-tree',
  '@vscode/windows-registry', 'zod', 'tar',
];
for (const name of unused) delete manifest.dependencies[name];
delete manifest.overrides;
fs.writeFileSync('package.json', JSON.stringify(manifest, null, 2));
for (const name of fs.readdirSync('extensions')) {
  if (/^(copilot|mermaid-markdown-features|microsoft-authentication|ms-vscode\..*)$/.test(name)) {
    fs.rmSync(`extensions/${name}`, { recursive: true });
  }
}
