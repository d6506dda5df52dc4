/** Samples as files: a grid of all, a file of each. Every file is there whole or not at all. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  arePoints,
  gridPng,
  pointsPng,
  type Sampler,
  type SampleStart,
  writeFileAtomic,
} from '@immiscible/trainer';
import { UsageError } from './errors.ts';

export interface SampleFileOptions {
  readonly starts: readonly SampleStart[];
  /** one picture of all samples */
  readonly grid: string | undefined;
  /** samples in a row of the grid */
  readonly columns: number;
  /** side of a pixel in the grid; default: so that samples are about 64 pixels high */
  readonly scale: number | undefined;
  /** a folder with a file of each sample */
  readonly out: string | undefined;
}

/** @throws UsageError where samples of this shape are neither pictures nor points */
export function checkPictures(shape: Sampler['shape']): void {
  if (arePoints(shape) || shape[0] === 1 || shape[0] === 3) return;
  throw new UsageError(
    `the model makes samples of ${shape.join('×')} values; pictures have 1 or 3 channels, points 2×1×1`,
  );
}

/** `000005`, or `000003-000009-02` for the third sample on the way from seed 3 to seed 9; different for every sample. */
export function sampleNames(starts: readonly SampleStart[]): string[] {
  const six = (seed: number): string => String(seed).padStart(6, '0');
  const taken = new Map<string, number>();
  const places = new Map<string, number>();
  return starts.map((start) => {
    let name: string;
    if (typeof start === 'number') {
      name = six(start);
    } else {
      const way = `${six(start.from)}-${six(start.to)}`;
      const place = start.at === 0 ? 0 : (places.get(way) ?? 0) + 1;
      places.set(way, place);
      name = `${way}-${String(place).padStart(2, '0')}`;
    }
    const times = (taken.get(name) ?? 0) + 1;
    taken.set(name, times);
    return times === 1 ? name : `${name}-again-${times}`;
  });
}

/** Writes samples while they are made, and says what it wrote. */
export class SampleFiles {
  readonly #options: SampleFileOptions;
  readonly #shape: Sampler['shape'];
  readonly #names: readonly string[];
  readonly written: string[] = [];

  private constructor(options: SampleFileOptions, shape: Sampler['shape']) {
    this.#options = options;
    this.#shape = shape;
    this.#names = sampleNames(options.starts);
  }

  /**
   * Makes the folders, so that hours of sampling do not end at a path that cannot be.
   *
   * @throws UsageError where samples of this shape are neither pictures nor points
   */
  static async create(options: SampleFileOptions, shape: Sampler['shape']): Promise<SampleFiles> {
    checkPictures(shape);
    const { grid, out } = options;
    if (grid !== undefined) await mkdir(dirname(grid), { recursive: true });
    if (out !== undefined) await mkdir(out, { recursive: true });
    return new SampleFiles(options, shape);
  }

  /** The files of a batch. @param samples [n, C, H, W] @param first index of the first of them */
  async addBatch(samples: Float32Array, first: number): Promise<void> {
    const { out } = this.#options;
    if (out === undefined || arePoints(this.#shape)) return;
    const [channels, height, width] = this.#shape;
    const size = channels * height * width;
    for (let i = 0; i * size < samples.length; i++) {
      const png = await gridPng(samples.subarray(i * size, (i + 1) * size), this.#shape, { columns: 1 });
      await this.#write(join(out, `${this.#names[first + i]!}.png`), png);
    }
  }

  /** The files of all samples together. @param samples [N, C, H, W] */
  async finish(samples: Float32Array): Promise<void> {
    const { grid, out, columns, scale = Math.max(1, Math.round(64 / this.#shape[1])) } = this.#options;
    if (arePoints(this.#shape)) {
      if (grid !== undefined) await this.#write(grid, await pointsPng(samples));
      if (out !== undefined) await this.#write(join(out, 'points.csv'), this.#table(samples));
    } else if (grid !== undefined) {
      await this.#write(grid, await gridPng(samples, this.#shape, { columns, scale }));
    }
  }

  #table(points: Float32Array): string {
    const lines = this.#names.map((name, i) => `${name},${points[2 * i]!},${points[2 * i + 1]!}`);
    return `${['seed,x,y', ...lines].join('\n')}\n`;
  }

  async #write(file: string, content: string | Uint8Array): Promise<void> {
    await writeFileAtomic(file, content);
    this.written.push(file);
  }
}
