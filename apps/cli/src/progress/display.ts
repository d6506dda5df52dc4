/** Progress for people: bars where somebody may be looking, a line now and then where a file may be. */
import { MultiBar, type SingleBar } from 'cli-progress';
import { duration, count, share, significant, wrap } from '../format.ts';
import { type Io, printLine } from '../io.ts';
import { type ArmProgress } from './arm-progress.ts';

export interface Display {
  /** One more step of an arm. @param secondsLeft in all; NaN while unknown */
  step(arm: ArmProgress, secondsLeft: number): void;
  /** What is being done beside training, and how much of it. */
  activity(text: string, done?: number, total?: number, secondsLeft?: number): void;
  /** A line that stays. */
  note(text: string): void;
  /** Leaves the terminal as it should be. */
  stop(): void;
}

/** Short enough for 80 columns beside a bar; `cut` is the distance cut, `skipped` the steps that float16 left out. */
function numbers(arm: ArmProgress): string {
  const { imagesPerSecond: speed, loss, skippedSteps } = arm;
  return [
    `${Number.isNaN(speed) ? '–' : count(speed)} images/s`,
    `loss ${Number.isNaN(loss) ? '–' : significant(loss)}`,
    `cut ${share(arm.distanceCut)}`,
    ...(skippedSteps ? [`skipped ${count(skippedSteps)}`] : []),
  ].join('  ');
}

function remaining(secondsLeft: number | undefined): string {
  return secondsLeft === undefined || Number.isNaN(secondsLeft) ? '' : `${duration(secondsLeft)} left`;
}

/** Bars on a terminal, lines elsewhere. Bars have no colours: they are cut to the terminal's width by characters. */
export function createDisplay(io: Io, arms: readonly ArmProgress[]): Display {
  return io.stderr.isTTY === true ? new Bars(io, arms) : new Lines(io);
}

class Bars implements Display {
  readonly #bars: MultiBar;
  readonly #arms = new Map<string, SingleBar>();
  readonly #status: SingleBar;
  readonly #columns: number;

  constructor({ stderr }: Io, arms: readonly ArmProgress[]) {
    this.#columns = stderr.columns ?? 80;
    this.#bars = new MultiBar({
      stream: stderr,
      hideCursor: true,
      clearOnComplete: false,
      emptyOnZero: true,
      barsize: 16,
      barCompleteChar: '━',
      barIncompleteChar: '─',
      autopadding: true,
      forceRedraw: true, // a note overwrites a bar, which would stay away until it changes
      gracefulExit: false,
      format: '',
    });
    const width = Math.max(...arms.map(({ name }) => name.length));
    for (const arm of arms) {
      const format = `${arm.name.padEnd(width)} {bar} {value}/{total}  {numbers}`;
      this.#arms.set(arm.name, this.#bars.create(arm.steps, arm.step, { numbers: '' }, { format }));
    }
    this.#status = this.#bars.create(1, 0, { text: '' }, { format: '{text}' });
  }

  step(arm: ArmProgress, secondsLeft: number): void {
    this.#arms.get(arm.name)?.update(arm.step, { numbers: numbers(arm) });
    this.#status.update(0, {
      text: [`training ${arm.name}`, remaining(secondsLeft)].filter(Boolean).join(' · '),
    });
  }

  activity(text: string, done?: number, total?: number, secondsLeft?: number): void {
    const part = done === undefined || total === undefined ? '' : `${Math.floor((100 * done) / total)} %`;
    this.#status.update(0, { text: [text, part, remaining(secondsLeft)].filter(Boolean).join(' · ') });
  }

  note(text: string): void {
    // While bars are drawn, the terminal cuts long lines.
    this.#bars.log(`${wrap(text, this.#columns)}\n`);
    this.#bars.update();
  }

  stop(): void {
    this.#status.update(0, { text: '' });
    this.#bars.stop();
  }
}

const EVERY_MS = 10_000;

class Lines implements Display {
  readonly #io: Io;
  readonly #began = performance.now();
  #last = this.#began - EVERY_MS;

  constructor(io: Io) {
    this.#io = io;
  }

  #print(text: string, secondsLeft?: number): void {
    const now = performance.now();
    this.#last = now;
    const left = remaining(secondsLeft);
    const elapsed = `${((now - this.#began) / 1000).toFixed(0).padStart(4)} s`;
    printLine(this.#io.stderr, `${elapsed}  ${text}${left === '' ? '' : `  ${left}`}`);
  }

  #isDue(): boolean {
    return performance.now() - this.#last >= EVERY_MS;
  }

  step(arm: ArmProgress, secondsLeft: number): void {
    if (this.#isDue() || arm.step === arm.steps) {
      this.#print(`${arm.name}  ${arm.step}/${arm.steps} steps  ${numbers(arm)}`, secondsLeft);
    }
  }

  activity(text: string, done?: number, total?: number, secondsLeft?: number): void {
    if (done === undefined || total === undefined || !this.#isDue()) return;
    this.#print(`${text}  ${Math.floor((100 * done) / total)} %`, secondsLeft);
  }

  note(text: string): void {
    this.#print(text);
  }

  stop(): void {
    return;
  }
}
