/**
 * Chooses between variants of kernels by measurement: which tile is best differs from one chip to the next, and by shape.
 *
 * Variants are measured apart from their program, on scratch memory whose contents nobody knows, and what was found is
 * remembered (tuning-table.ts). Without measurements the first variant is taken, which is a sane one everywhere.
 */
import { DeviceError, DeviceLostError } from '../../errors.ts';
import { type Graph, type ProgramOptions, type TuneMode, type TuningState } from '../target.ts';
import { type Gpu } from './gpu.ts';
import { type Capabilities, type Kernel } from './kernel.ts';
import { type Choose, lowerGraph } from './lower.ts';
import { type GpuMemory } from './memory.ts';
import { readTuning, tuningKey, tuningPath, writeTuning } from './tuning-file.ts';
import { TuningTable } from './tuning-table.ts';
import { VariantTimer } from './variant-timer.ts';

interface Timed {
  readonly name: string;
  /** Microseconds. */
  readonly time: number;
}

/** Variants of one kernel that nobody has measured yet. */
interface Question {
  readonly key: string;
  readonly variants: readonly { readonly name: string; readonly kernels: readonly Kernel[] }[];
}

/** A variant whose first run takes so many times the best is not run again. */
const HOPELESS = 4;
/** The first variant stays unless another takes less than this part of its time: the rest is noise. */
const CLEARLY = 0.97;
/** Measuring may take minutes: what was found is written so often, in milliseconds. */
const SAVE_EVERY = 10_000;

export class Tuner {
  readonly #gpu: Gpu;
  readonly #mode: TuneMode;
  readonly #key: string;
  readonly #path: string | undefined;
  readonly #table: TuningTable;
  #problem: string | undefined;
  #last: Promise<void> = Promise.resolve();

  private constructor(gpu: Gpu, mode: TuneMode, path: string | undefined, table: TuningTable) {
    this.#gpu = gpu;
    this.#mode = mode;
    this.#key = tuningKey(gpu.adapter);
    this.#path = path;
    this.#table = table;
  }

  /** Takes the first variants, and no look at files. */
  static off(gpu: Gpu): Tuner {
    return new Tuner(gpu, 'off', undefined, new TuningTable());
  }

  static async open(gpu: Gpu, mode: TuneMode): Promise<Tuner> {
    if (mode === 'off') return Tuner.off(gpu);
    const key = tuningKey(gpu.adapter);
    const path = tuningPath(key);
    if (path === undefined) return new Tuner(gpu, mode, undefined, new TuningTable());
    const { table, problem } = await readTuning(path, key);
    const tuner = new Tuner(gpu, mode, path, table);
    tuner.#problem = problem;
    return tuner;
  }

  get state(): TuningState {
    return {
      mode: this.#mode,
      measured: this.#table.size,
      ...(this.#path === undefined ? {} : { file: this.#path }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  readonly choose: Choose = (key, names) => this.#table.fastest(key, names) ?? 0;

  /**
   * Measures what a graph asks and the table does not know, where that is the mode; one graph at a time.
   *
   * @throws DeviceLostError where the device goes away meanwhile
   */
  learn(
    graph: Graph,
    { donated, onProgress }: ProgramOptions,
    capabilities: Capabilities,
    memory: GpuMemory,
  ): Promise<void> {
    if (this.#mode !== 'measure') return Promise.resolve();
    const learned = this.#last.then(() =>
      this.#answer(this.#questions(graph, donated, capabilities), capabilities, memory, onProgress),
    );
    this.#last = learned.catch(() => undefined);
    return learned;
  }

  #questions(graph: Graph, donated: readonly number[], capabilities: Capabilities): Question[] {
    const questions = new Map<string, Question>();
    lowerGraph(graph, donated, capabilities, (key, names, alone) => {
      const known = this.#table.fastest(key, names);
      if (known !== undefined) return known;
      if (names.length > 1 && !questions.has(key)) {
        questions.set(key, { key, variants: names.map((name, i) => ({ name, kernels: alone(i) })) });
      }
      return 0;
    });
    return [...questions.values()];
  }

  async #answer(
    questions: readonly Question[],
    capabilities: Capabilities,
    memory: GpuMemory,
    onProgress: ProgramOptions['onProgress'],
  ): Promise<void> {
    if (questions.length === 0) return;
    const timer = new VariantTimer(this.#gpu, memory, capabilities);
    const total = questions.reduce((sum, { variants }) => sum + variants.length, 0);
    let done = 0;
    let saved = performance.now();
    try {
      for (const { key, variants } of questions) {
        const microseconds: Record<string, number> = {};
        const failed: string[] = [];
        let best: Timed | undefined;
        for (const { name, kernels } of variants) {
          try {
            const time = await timer.time(kernels, best && HOPELESS * best.time);
            microseconds[name] = time;
            if (!best || time < best.time) best = { name, time };
          } catch (error) {
            if (!(error instanceof DeviceError) || error instanceof DeviceLostError) throw error;
            failed.push(name);
          }
          onProgress?.({ stage: 'measuring', done: ++done, total, label: `${key}: ${name}` });
        }
        // Where every variant fails, the program that needs one will say why.
        if (best)
          this.#table.set(key, { variant: winner(variants, microseconds, best), microseconds, failed });
        if (performance.now() - saved < SAVE_EVERY) continue;
        await this.#save();
        saved = performance.now();
      }
    } finally {
      timer.dispose();
      await this.#save();
    }
  }

  async #save(): Promise<void> {
    if (this.#path !== undefined) this.#problem = await writeTuning(this.#path, this.#key, this.#table);
  }
}

function winner(
  [first]: Question['variants'],
  microseconds: Readonly<Record<string, number>>,
  best: Timed,
): string {
  const untuned = first && microseconds[first.name];
  return first && untuned !== undefined && best.time >= CLEARLY * untuned ? first.name : best.name;
}
