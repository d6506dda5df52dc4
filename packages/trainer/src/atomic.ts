/** Files and folders that are there whole or not at all: written beside, synced, renamed. */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CheckpointError } from './errors.ts';

const PARTIAL = '.partial-';

/** What went wrong with a file, in words that say what to do. */
export function describeFileError(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full; free some space';
    case 'EFBIG':
      return 'the file is larger than the system allows here; raise the limit';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'writing there is not allowed; choose another folder';
    case undefined:
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a text or binary file and syncs it. */
export async function writeSynced(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Removes what is half-written. That it cannot be removed would hide why it is half-written. */
async function discard(partial: string): Promise<void> {
  await rm(partial, { recursive: true, force: true }).catch(() => undefined);
}

/** Replaces a file in one step. @throws CheckpointError; the old file then stands as it was */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const partial = join(dirname(path), `${PARTIAL}${basename(path)}`);
  try {
    await writeSynced(partial, content);
    await rename(partial, path);
  } catch (error) {
    await discard(partial);
    throw new CheckpointError(`${path} could not be written: ${describeFileError(error)}`, {
      code: 'write',
      cause: error,
    });
  }
}

/**
 * Makes the folder `path` with what `fill` writes into it; until all is written and synced, it does not exist under
 * that name.
 *
 * @throws CheckpointError; nothing half-written is left
 */
export async function makeFolderAtomic(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const partial = join(dirname(path), `${PARTIAL}${basename(path)}`);
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    await fill(partial);
    await syncFolder(partial);
    await rm(path, { recursive: true, force: true });
    await rename(partial, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await discard(partial);
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(
      `${path} could not be written: ${describeFileError(error)}; what was written before is still there`,
      { code: 'write', cause: error },
    );
  }
}

/** Removes what a killed process left half-written. */
export async function removePartials(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  await Promise.all(
    names
      .filter((name) => name.startsWith(PARTIAL))
      .map((name) => rm(join(folder, name), { recursive: true, force: true })),
  );
}
