/** The page's elements by their ids, and what is written into them. */
import { type History } from '../history.ts';
import { type Task } from '../task.ts';
import { type Arm, ARMS, type Pairing, type PerArm } from '../training.ts';
import { imageGrid } from './image-grid.ts';
import { lossCurves, pairs, scatter } from './plots.ts';

/** What is on show at one moment. */
export interface Scene {
  readonly task: Task;
  readonly steps: number;
  /** Steps of both arms in a second, without the time for samples; undefined before the first. */
  readonly rate: number | undefined;
  readonly history: History;
  readonly pairing: Pairing | undefined;
  /** [shown, ...shape] */
  readonly samples: PerArm<Float32Array>;
}

/** The losses that the cards show are means over this many steps. */
const RECENT = 50;
const NOTHING = '–';

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`page: there is no element #${id} in index.html`);
  return element as T;
}

function write(id: string, text: string): void {
  byId(id).textContent = text;
}

/** Shows what went wrong, in place of whatever would not come. */
export function showError(error: unknown): void {
  write('error', error instanceof Error ? error.message : String(error));
  byId('error').hidden = false;
  byId('progress').hidden = true;
  console.error(error);
}

export function clearError(): void {
  byId('error').hidden = true;
}

/** What the page is busy with before there is anything to see; undefined when it is done. */
export function showProgress(text: string | undefined): void {
  write('progress', text ?? '');
  byId('progress').hidden = text === undefined;
}

export function showDevice(description: string, software: boolean): void {
  write('adapter', software ? `${description} (software)` : description);
  byId('software').hidden = !software;
}

export function showScene({ task, steps, rate, history, pairing, samples }: Scene): void {
  write('steps', String(steps));
  write('rate', rate === undefined ? NOTHING : rate.toPrecision(3));
  write('cut', pairing ? `${(100 * pairing.reduction).toFixed(1)} %` : NOTHING);
  for (const arm of ARMS) {
    write(`loss-${arm}`, history.recent(arm, RECENT)?.toFixed(4) ?? NOTHING);
    byId(`samples-${arm}`).replaceChildren(drawSamples(task, arm, samples[arm], pairing));
  }
  if (history.points().length > 0) byId('curves').replaceChildren(lossCurves(history.points()));
  for (const element of document.querySelectorAll<HTMLElement>('.points-only')) {
    element.hidden = task.kind !== 'points';
  }
  if (task.kind === 'points' && pairing) {
    for (const arm of ARMS) byId(`pairs-${arm}`).replaceChildren(pairs(arm, pairing));
  }
}

function drawSamples(task: Task, arm: Arm, samples: Float32Array, pairing: Pairing | undefined): Element {
  if (task.kind === 'points') return scatter(arm, samples, pairing?.x0 ?? new Float32Array(0));
  const columns = Math.ceil(Math.sqrt(task.shown));
  return imageGrid(samples, task.shape.at(-1)!, columns, `Samples of the ${arm} arm`);
}
