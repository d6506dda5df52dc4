/** The log of a run: one JSON object a line, appended while training, cut back to the checkpoint on resume. */
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from './atomic.ts';

/** One line: means over the steps since the line before it. */
export interface LogEntry {
  /** updates done */
  readonly step: number;
  /** training images seen */
  readonly images: number;
  readonly loss: number;
  /** mean pair distance after assignment over before, minus 1 */
  readonly distanceChange: number;
  /** of the last step, before clipping */
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly secondsPerStep: number;
}

function pathOf(run: string): string {
  return join(run, 'log.jsonl');
}

export async function appendLog(run: string, entry: LogEntry): Promise<void> {
  await appendFile(pathOf(run), `${JSON.stringify(entry)}\n`);
}

/** Every whole line; a line that a killed process left unfinished is not one. */
export async function readLog(run: string): Promise<LogEntry[]> {
  const text = await readFile(pathOf(run), 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogEntry);
}

/** Drops what was logged after `step`. */
export async function cutLog(run: string, step: number): Promise<void> {
  const kept = (await readLog(run)).filter((entry) => entry.step <= step);
  await writeFileAtomic(pathOf(run), kept.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
}
