// Where a file lies.

import { realpath } from 'node:fs/promises';
import * as path from 'node:path';

/** Does it lie in one of the folders, by its own name or by what links lead to? */
export async function isInside(file: string, folders: string[]): Promise<boolean> {
  const names = [path.resolve(file), await real(file)];
  for (const folder of folders) {
    const all = [path.resolve(folder), await real(folder)];
    if (all.some((one) => names.some((name) => isBelow(one, name)))) return true;
  }
  return false;
}

function isBelow(folder: string, file: string): boolean {
  const way = path.relative(folder, file);
  return way.split(path.sep)[0] !== '..' && !path.isAbsolute(way);
}

function real(file: string): Promise<string> {
  return realpath(file).catch(() => path.resolve(file));
}
