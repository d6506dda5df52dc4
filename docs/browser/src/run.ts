/** One run on the page: trains, shows, and stops when told to. */
import { type Device } from '@immiscible/tensor-core';
import { History } from './history.ts';
import { type Task } from './task.ts';
import { Training } from './training.ts';
import { showProgress, showScene } from './view/page.ts';

/** What the controls say now; read again before every step. */
export interface Settings {
  readonly paused: boolean;
  readonly samplingSteps: number;
}

export interface RunOptions {
  readonly device: Device;
  readonly task: Task;
  readonly seed: number;
  /** Steps whose losses are read together: waiting for each would leave a fast GPU idle. */
  readonly readEvery: number;
  readonly settings: () => Settings;
  readonly signal: AbortSignal;
}

/** Milliseconds between two drawings, at least. */
const REFRESH = 400;
/** Of all time, what drawing samples and figures may take. */
const SHOWING_SHARE = 0.25;
/** Milliseconds after which a picture counts as drawn: a page in the background gets no frames. */
const LATEST_FRAME = 250;
/** Milliseconds between looks at the controls while paused. */
const PAUSE = 50;
/** Weight of the latest reading in the running mean of the speed. */
const RATE_WEIGHT = 0.2;

const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Resolves when the browser has drawn what was changed. */
const drawn = (): Promise<unknown> =>
  Promise.race([
    new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0))),
    wait(LATEST_FRAME),
  ]);

/** Trains until `signal` says stop, and frees what it made. Rejects with whatever went wrong. */
export async function runTraining({
  device,
  task,
  seed,
  readEvery,
  settings,
  signal,
}: RunOptions): Promise<void> {
  const training = new Training(device, task, seed);
  const history = new History();
  let rate: number | undefined;
  let shown = { at: -Infinity, took: 0, steps: -1, samplingSteps: 0 };

  const show = async (): Promise<void> => {
    const began = performance.now();
    const { samplingSteps } = settings();
    const vanilla = await training.sample('vanilla', samplingSteps);
    const immiscible = await training.sample('immiscible', samplingSteps);
    const { pairing, steps } = training;
    showScene({ task, steps, rate, history, pairing, samples: { vanilla, immiscible } });
    await drawn();
    const at = performance.now();
    shown = { at, took: at - began, steps, samplingSteps };
  };
  const train = async (): Promise<void> => {
    const began = performance.now();
    for (let k = 0; k < readEvery; k++) await training.advance();
    history.add(await training.readLosses());
    const now = (1000 * readEvery) / (performance.now() - began);
    const isFirst = training.steps <= readEvery; // compiles
    if (!isFirst) rate = rate === undefined ? now : rate + RATE_WEIGHT * (now - rate);
  };

  try {
    showProgress('Compiling the training step …');
    while (!signal.aborted) {
      const { paused, samplingSteps } = settings();
      if (!paused) await train();
      const isStale = shown.steps !== training.steps || shown.samplingSteps !== samplingSteps;
      const pause = Math.max(REFRESH, shown.took * (1 / SHOWING_SHARE - 1));
      if (isStale && training.steps > 0 && (paused || performance.now() - shown.at > pause)) {
        await show();
        showProgress(undefined);
      }
      await wait(paused ? PAUSE : 0);
    }
  } finally {
    await training.dispose();
  }
}
