/**
 * Files of a data set, wherever they lie: in a folder, or in a zip archive that is read in place (zip-tree.ts). Readers of
 * published sets see paths below a root and need not know which.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { md5Of, missing } from './read-file.ts';

/** Paths have forward slashes; '' is the root. */
export interface FileTree {
  /** The folder or archive on disk. */
  readonly path: string;
  /** Files directly in a folder: name → bytes, sorted by UTF-16 code unit. Empty where there is no such folder. */
  files(folder: string): Promise<ReadonlyMap<string, number>>;
  /** A whole file. @throws DatasetError that names it */
  read(file: string): Promise<Uint8Array>;
  /** Lets go of the archive; nothing can be read any more. */
  close(): Promise<void>;
}

/** How many files are asked for their sizes at once. */
const IN_FLIGHT = 64;

/** A folder as a tree. Links are followed, as everywhere where a user names a folder of his own. */
export function folderTree(op: string, path: string, fix: string): FileTree {
  return {
    path,
    async files(folder) {
      const full = join(path, folder);
      const names = await readdir(full).catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR'].includes(String(error.code)))
          return [];
        throw missing(op, 'a folder', full, fix, error);
      });
      names.sort();
      const sizes = new Map<string, number>();
      for (let start = 0; start < names.length; start += IN_FLIGHT) {
        const group = names.slice(start, start + IN_FLIGHT);
        const infos = await Promise.all(group.map((name) => stat(join(full, name))));
        for (const [i, info] of infos.entries()) if (info.isFile()) sizes.set(group[i]!, info.size);
      }
      return sizes;
    },
    async read(file) {
      return readFile(join(path, file)).catch((error: unknown) => {
        throw missing(op, 'a file', join(path, file), fix, error);
      });
    },
    close: () => Promise.resolve(),
  };
}

/** The lines of a text file, without those that are empty, and its MD5. @throws DatasetError as `read` does */
export async function readLines(tree: FileTree, file: string): Promise<{ lines: string[]; md5: string }> {
  const bytes = await tree.read(file);
  const lines = Buffer.from(bytes).toString('utf8').split(/\r?\n/);
  return { lines: lines.filter((line) => line.trim() !== ''), md5: md5Of(bytes) };
}
