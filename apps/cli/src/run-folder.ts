/** Which folder a run is in, and whether it may start there. */
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from './errors.ts';

/** What a folder holds, as far as starting or continuing there is concerned. */
export type FolderState = 'free' | 'unfinished' | 'finished' | 'foreign';

/** Says what a folder of runs holds. `isRun` tells ours from anything else, `isFinished` a whole one from a part. */
export async function stateOf(
  folder: string,
  isRun: (folder: string) => Promise<boolean>,
  isFinished: (folder: string) => Promise<boolean>,
): Promise<FolderState> {
  if (await isRun(folder)) return (await isFinished(folder)) ? 'finished' : 'unfinished';
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR')
      throw new UsageError(`${folder} is a file; give the run another name with --name`);
    throw error;
  });
  return entries.every((name) => name === LOCK) ? 'free' : 'foreign';
}

/** `demo`, `demo-2`, `demo-3`, …: the first name whose folder is not finished. */
export async function nextName(
  name: string,
  stateOfName: (name: string) => Promise<FolderState>,
): Promise<string> {
  for (let i = 1; ; i++) {
    const candidate = i === 1 ? name : `${name}-${i}`;
    const state = await stateOfName(candidate);
    if (state === 'free' || state === 'unfinished') return candidate;
  }
}

/** Where `--resume` points: a folder, or a name in the folder of runs. */
export async function resumeFolder(given: string, out: string): Promise<string> {
  const isFolder = await stat(given).then(
    (s) => s.isDirectory(),
    () => false,
  );
  return isFolder ? given : join(out, given);
}

const LOCK = '.running';

/** Another process writes into the folder. */
export class FolderInUseError extends UsageError {
  override name = 'FolderInUseError';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Folders that this process writes into. */
const ours = new Set<string>();

/** The process that a lock names; 0 for none. A lock that was made this moment may not have its number yet. */
async function holderOf(path: string): Promise<number> {
  const read = async (): Promise<number> => Number(await readFile(path, 'utf8').catch(() => '0'));
  const holder = await read();
  if (holder > 0) return holder;
  await sleep(50);
  return read();
}

/** Takes the lock of a folder, from a process that is gone as well. @throws FolderInUseError */
async function takeLock(folder: string): Promise<string> {
  const path = resolve(folder, LOCK);
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      ours.add(path);
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await holderOf(path);
    const isHeld = holder === process.pid ? ours.has(path) : holder > 0 && isAlive(holder);
    if (isHeld) {
      throw new FolderInUseError(
        `${folder} is being written by process ${holder}; wait for it, or give this run another --name`,
      );
    }
    await rm(path, { force: true });
  }
}

/**
 * Runs `work` while nothing else runs in `folder`; a lock that a killed process left is taken over.
 *
 * @throws FolderInUseError where a living process holds the folder
 */
export async function withLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const path = await takeLock(folder);
  try {
    return await work();
  } finally {
    ours.delete(path);
    await rm(path, { force: true });
  }
}

/** The same for what is over soon: waits until the folder is free. */
export async function withLockInTurn<T>(folder: string, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await withLock(folder, work);
    } catch (error) {
      if (!(error instanceof FolderInUseError)) throw error;
      await sleep(100);
    }
  }
}
