/** Which folder a run is in, and whether it may start there. */
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Runs `work` while no other process runs in `folder`; a lock that a killed process left is taken over.
 *
 * @throws UsageError where a living process holds the folder
 */
export async function withLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const path = join(folder, LOCK);
  const holder = Number(await readFile(path, 'utf8').catch(() => '0'));
  if (holder > 0 && holder !== process.pid && isAlive(holder)) {
    throw new UsageError(
      `${folder} is being written by process ${holder}; wait for it, or give this run another --name`,
    );
  }
  await rm(path, { force: true });
  const file = await open(path, 'w');
  try {
    await file.writeFile(String(process.pid));
  } finally {
    await file.close();
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}
