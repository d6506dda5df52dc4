/**
 * Files of one JSON object a line, appended while a run goes on. A process may be killed in the middle of a line, so a
 * last line without its end is not one; whoever appends again drops it first (`keepJsonLines`).
 */
import { appendFile, readFile } from 'node:fs/promises';
import { describeFileError, writeFileAtomic } from './atomic.ts';
import { CheckpointError } from './errors.ts';

/** @throws CheckpointError where the disk does not take it */
export async function appendJsonLine(path: string, value: unknown): Promise<void> {
  try {
    await appendFile(path, `${JSON.stringify(value)}\n`);
  } catch (error) {
    throw new CheckpointError(`${path} could not be written: ${describeFileError(error)}`, {
      code: 'write',
      cause: error,
    });
  }
}

/** Every whole line; none where there is no file. @throws CheckpointError where a line is not JSON, naming it */
export async function readJsonLines<T>(path: string): Promise<T[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new CheckpointError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  });
  return text
    .split('\n')
    .slice(0, -1)
    .map((line, i) => {
      try {
        return JSON.parse(line) as T;
      } catch (error) {
        throw new CheckpointError(`${path} is damaged: line ${i + 1} is not JSON; remove that line`, {
          cause: error,
        });
      }
    });
}

/** Rewrites a file with the lines that `keep` wants, without what a killed process left unfinished. */
export async function keepJsonLines<T>(path: string, keep: (value: T) => boolean): Promise<void> {
  const kept = (await readJsonLines<T>(path)).filter(keep);
  await writeFileAtomic(path, kept.map((value) => `${JSON.stringify(value)}\n`).join(''));
}
