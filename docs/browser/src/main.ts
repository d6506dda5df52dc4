/** The page: opens a device, and starts a run again whenever the controls ask for another. */
import { openFashionTask } from './fashion.ts';
import { openAnyDevice, type OpenedDevice } from './open-device.ts';
import { runTraining } from './run.ts';
import { swissRollTask } from './swiss-roll.ts';
import { type Task } from './task.ts';
import { byId, clearError, showDevice, showError, showProgress } from './view/page.ts';

const taskSelect = byId<HTMLSelectElement>('task');
const samplingSelect = byId<HTMLSelectElement>('sampling-steps');
const seedInput = byId<HTMLInputElement>('seed');
const pauseButton = byId<HTMLButtonElement>('pause');
const resetButton = byId<HTMLButtonElement>('reset');

let paused = false;

function setPaused(value: boolean): void {
  paused = value;
  pauseButton.textContent = value ? 'Resume' : 'Pause';
}

async function openTask(name: string): Promise<Task> {
  return name === 'fashion-mnist' ? openFashionTask('fashion-mnist-16.bin') : swissRollTask();
}

/** The seed as typed: a whole number from 0. @throws Error for anything else */
function readSeed(): number {
  const seed = Number(seedInput.value);
  if (seedInput.value.trim() === '' || !Number.isSafeInteger(seed) || seed < 0) {
    throw new Error(`The seed wants a whole number from 0, got "${seedInput.value}".`);
  }
  return seed;
}

async function begin({ device, software }: OpenedDevice, signal: AbortSignal): Promise<void> {
  clearError();
  showProgress('Preparing the data …');
  const seed = readSeed();
  const task = await openTask(taskSelect.value);
  await runTraining({
    device,
    task,
    seed,
    readEvery: software ? 1 : 10,
    settings: () => ({ paused, samplingSteps: Number(samplingSelect.value) }),
    signal,
  });
}

async function main(): Promise<void> {
  showProgress('Looking for a GPU …');
  const opened = await openAnyDevice();
  showDevice(opened.device.description, opened.software);

  let stop = new AbortController();
  let running = begin(opened, stop.signal).catch(showError);
  const restart = (): void => {
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    setPaused(false);
    running = running.then(() => (signal.aborted ? undefined : begin(opened, signal))).catch(showError);
  };
  pauseButton.addEventListener('click', () => setPaused(!paused));
  resetButton.addEventListener('click', restart);
  taskSelect.addEventListener('change', restart);
  seedInput.addEventListener('change', restart);
  for (const control of [pauseButton, resetButton]) control.disabled = false;
}

addEventListener('error', ({ error }) => showError(error));
addEventListener('unhandledrejection', ({ reason }) => showError(reason));
main().catch(showError);
