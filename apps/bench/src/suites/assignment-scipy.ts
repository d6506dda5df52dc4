/**
 * SciPy beside our solvers: one Python process that solves a matrix each time it is asked, so that repeats interleave
 * with ours. Optional: without python3, NumPy or SciPy the suite says so and goes on.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

/** Reads one path a line (float32, square), or an empty line for the same matrix again; answers with one JSON line. */
const SCRIPT = `
import json, sys, time
import numpy as np, scipy
from scipy.optimize import linear_sum_assignment
print(json.dumps({"version": scipy.__version__}), flush=True)
cost = None
for line in sys.stdin:
    path = line.rstrip("\\n")
    if path:
        flat = np.fromfile(path, dtype="<f4")
        n = round(len(flat) ** 0.5)
        cost = flat.reshape(n, n)
    began = time.perf_counter()
    row, column = linear_sum_assignment(cost)
    milliseconds = 1000 * (time.perf_counter() - began)
    print(json.dumps({"milliseconds": milliseconds, "cost": float(cost[row, column].astype(np.float64).sum())}), flush=True)
`;

export interface ScipySolution {
  readonly milliseconds: number;
  readonly cost: number;
}

export class Scipy {
  readonly version: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  readonly #folder: string;

  private constructor(
    process: ChildProcessWithoutNullStreams,
    reader: Interface,
    lines: AsyncIterator<string>,
    version: string,
    folder: string,
  ) {
    this.#process = process;
    this.#reader = reader;
    this.#lines = lines;
    this.version = version;
    this.#folder = folder;
  }

  /**
   * @param python the command to run
   * @returns a running SciPy, or why there is none
   */
  static async start(python: string): Promise<Scipy | string> {
    const child = spawn(python, ['-c', SCRIPT]);
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    child.stdin.on('error', () => undefined); // a process that ended is noticed when no line comes
    const failed = new Promise<string>((resolve) => child.on('error', (error) => resolve(error.message)));
    const reader = createInterface({ input: child.stdout });
    const lines = reader[Symbol.asyncIterator]();
    const first = await Promise.race([failed, lines.next()]);
    if (typeof first === 'string') return first;
    if (first.done === true) {
      return complaint.trim().split('\n').at(-1) ?? 'it ended without a word';
    }
    const { version } = JSON.parse(first.value) as { version: string };
    const folder = await mkdtemp(join(tmpdir(), 'immiscible-bench-'));
    return new Scipy(child, reader, lines, version, folder);
  }

  /** Takes a matrix in and solves it once, cold. @param cost [n, n] float32 */
  async load(cost: Float32Array): Promise<ScipySolution> {
    const path = join(this.#folder, 'cost.f32');
    await writeFile(path, new Uint8Array(cost.buffer, cost.byteOffset, cost.byteLength));
    return this.#ask(path);
  }

  /** Solves the matrix once more. */
  solve(): Promise<ScipySolution> {
    return this.#ask('');
  }

  async #ask(line: string): Promise<ScipySolution> {
    this.#process.stdin.write(`${line}\n`);
    const answer = await this.#lines.next();
    if (answer.done === true) throw new Error('SciPy ended before it answered; run it on a smaller size');
    return JSON.parse(answer.value) as ScipySolution;
  }

  async stop(): Promise<void> {
    this.#process.stdin.end();
    if (this.#process.exitCode === null) await once(this.#process, 'exit');
    this.#reader.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
