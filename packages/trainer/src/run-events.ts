/** What happened to a run beside its steps: begun, continued, its device lost. One JSON object a line, never cut back. */
import { join } from 'node:path';
import { type Device, DeviceLostError } from '@immiscible/tensor-core';
import { appendJsonLine, readJsonLines } from './json-lines.ts';

export interface RunEvent {
  /** ISO 8601 */
  readonly time: string;
  readonly event: 'started' | 'resumed' | 'device-lost';
  /** updates done; where the device was lost, some of them will be done again */
  readonly step: number;
  /** the device; or how it was lost */
  readonly detail: string;
}

function pathOf(run: string): string {
  return join(run, 'events.jsonl');
}

function append(run: string, event: Omit<RunEvent, 'time'>): Promise<void> {
  return appendJsonLine(pathOf(run), { time: new Date().toISOString(), ...event });
}

/** Notes that a session of a run began. */
export function noteSession(
  run: string,
  event: 'started' | 'resumed',
  step: number,
  { name, description }: Device,
): Promise<void> {
  return append(run, { event, step, detail: `${name}: ${description}` });
}

/** Does `work`, and notes it where the device is lost meanwhile. @param step updates done */
export async function notingLoss<T>(run: string, step: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DeviceLostError) {
      await append(run, { event: 'device-lost', step, detail: error.message });
    }
    throw error;
  }
}

/** Every event of a run, in order. @throws CheckpointError where a line is damaged */
export function readEvents(run: string): Promise<RunEvent[]> {
  return readJsonLines<RunEvent>(pathOf(run));
}
