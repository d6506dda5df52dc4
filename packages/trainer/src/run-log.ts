/** The log of a run: one JSON object a line, appended while training, cut back to the checkpoint on resume. */
import { join } from 'node:path';
import { appendJsonLine, keepJsonLines, readJsonLines } from './json-lines.ts';

/** One line: means over the steps since the line before it. */
export interface LogEntry {
  /** updates done */
  readonly step: number;
  /** training images seen */
  readonly images: number;
  /** of the steps that were taken; a line waits for one */
  readonly loss: number;
  /** mean pair distance after assignment over before, minus 1 */
  readonly distanceChange: number;
  /** of the last step that was taken, before clipping */
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly secondsPerStep: number;
  /** in float16: what the loss of the last step was multiplied by, and the steps left out since the run began */
  readonly lossScale?: number;
  readonly skippedSteps?: number;
}

function pathOf(run: string): string {
  return join(run, 'log.jsonl');
}

export function appendLog(run: string, entry: LogEntry): Promise<void> {
  return appendJsonLine(pathOf(run), entry);
}

/** Every whole line. @throws CheckpointError where one is damaged */
export function readLog(run: string): Promise<LogEntry[]> {
  return readJsonLines<LogEntry>(pathOf(run));
}

/** Drops what was logged after `step`. */
export function cutLog(run: string, step: number): Promise<void> {
  return keepJsonLines<LogEntry>(pathOf(run), (entry) => entry.step <= step);
}
