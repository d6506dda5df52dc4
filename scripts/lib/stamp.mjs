/**
 * Remembers for which inputs a set-up step last succeeded, so that a command with nothing to set up starts at once.
 * Stamps lie in node_modules: whoever deletes that deletes them too.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './workspace.mjs';

/** Folder for what the scripts keep between runs; absolute. */
export const stateFolder = path.join(root, 'node_modules/.immiscible');

/** Files above this size (bytes) count by size and time of change instead of content: image data would take seconds. */
const CONTENT_LIMIT = 1 << 20;

/** Whether the step `name` last succeeded for exactly this `digest`. */
export function isCurrent(name, digest) {
  try {
    return readFileSync(path.join(stateFolder, name), 'utf8') === digest;
  } catch {
    return false;
  }
}

/** Notes that the step `name` succeeded for `digest`. */
export function writeStamp(name, digest) {
  mkdirSync(stateFolder, { recursive: true });
  writeFileSync(path.join(stateFolder, name), digest);
}

/** SHA-256 over paths (from the root) and contents; a file that is missing counts as such. */
export function digestFiles(files) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const file of files) {
    const stat = statSync(path.join(root, file), { throwIfNoEntry: false });
    hash.update(`${file}\n${stat ? stat.size : 'missing'}\n`);
    if (stat && stat.size <= CONTENT_LIMIT) hash.update(readFileSync(path.join(root, file)));
    else if (stat) hash.update(String(stat.mtimeMs));
  }
  return hash.digest('hex');
}

/** Files under `folder` (paths from the root, sorted), without those that `leaveOut(pathInFolder)` says. */
export function listFiles(folder, leaveOut = () => false) {
  const files = [];
  const visit = (inside) => {
    for (const entry of readdirSync(path.join(root, folder, inside), { withFileTypes: true })) {
      const file = inside === '' ? entry.name : `${inside}/${entry.name}`;
      if (leaveOut(file)) continue;
      if (entry.isDirectory()) visit(file);
      else files.push(`${folder}/${file}`);
    }
  };
  visit('');
  return files.sort();
}
