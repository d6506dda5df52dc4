/**
 * Solvers for Python beside ours: a process for each interpreter that solves a matrix as often as it is asked, so that
 * all take turns. Optional: an interpreter without any of them is named, and the suite goes on.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Precision, type Solver, type Turn } from './assignment-solvers.ts';

/** Where the script lies, from sources and from dist alike. */
const SCRIPTS = ['../../assets/assignment.py', '../assets/assignment.py'];

/** Peers that have threads of their own get one, as we do. */
const ONE_THREAD = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };

interface Offer {
  readonly name: string;
  readonly version: string;
  readonly precision: Precision;
}

export class PythonSolvers {
  readonly solvers: readonly Solver[];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answer: () => Promise<string | undefined>;
  #held: Float32Array | undefined;

  private constructor(
    child: ChildProcessWithoutNullStreams,
    answer: () => Promise<string | undefined>,
    offers: readonly Offer[],
  ) {
    this.#child = child;
    this.#answer = answer;
    this.solvers = offers.map((offer) => ({
      ...offer,
      ours: false,
      solve: (cost, size, count) => this.#solve(offer.name, cost, size, count),
    }));
  }

  /**
   * Starts an interpreter.
   *
   * @param python the command
   * @param signal ends the process at once; what it was asked then fails
   * @returns its solvers, or why there are none, in words
   */
  static async start(python: string, signal?: AbortSignal): Promise<PythonSolvers | string> {
    const script = SCRIPTS.map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) =>
      existsSync(path),
    );
    if (script === undefined) return 'the script assignment.py is missing from this installation';
    const child = spawn(python, [script], {
      env: { ...process.env, ...ONE_THREAD },
      signal,
      killSignal: 'SIGKILL',
    });
    let complaint = '';
    child.stderr.on('data', (text: Buffer) => (complaint = (complaint + text.toString()).slice(-2000)));
    child.stdin.on('error', () => undefined); // a process that ended is noticed when no line comes
    const failed = new Promise<Error>((resolve) => child.on('error', resolve));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const answer = async (): Promise<string | undefined> => {
      const line = await Promise.race([lines.next(), failed]);
      if (line instanceof Error) complaint = line.message;
      return line instanceof Error || line.done === true ? undefined : line.value;
    };
    const hello = await answer();
    if (hello === undefined) {
      return `${python}: ${complaint.trim().split('\n').at(-1) ?? 'it ended without a word'}`;
    }
    const offers = JSON.parse(hello) as Offer[];
    const result = new PythonSolvers(child, answer, offers);
    if (offers.length > 0) return result;
    result.close();
    return `${python} has none of SciPy, lap, lapx, lapjv`;
  }

  close(): void {
    this.#child.stdin.end();
  }

  async #solve(name: string, cost: Float32Array, size: number, count: number): Promise<Turn> {
    if (this.#held !== cost) {
      this.#child.stdin.write(`${JSON.stringify({ size })}\n`);
      this.#child.stdin.write(new Uint8Array(cost.buffer, cost.byteOffset, cost.byteLength));
      if ((await this.#answer()) === undefined) throw new Error(`${name}: Python ended over ${size}² costs`);
      this.#held = cost;
    }
    this.#child.stdin.write(`${JSON.stringify({ solve: name, count })}\n`);
    const line = await this.#answer();
    if (line === undefined) throw new Error(`${name}: Python ended while it solved ${size} rows`);
    const { milliseconds, cost: total } = JSON.parse(line) as { milliseconds: number; cost: number | null };
    return { milliseconds, cost: total ?? NaN };
  }
}
