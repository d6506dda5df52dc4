/**
 * Assignment over the batches of several processes (Immiscible Diffusion, section 3.4): each process computes the
 * distances of its own images to everybody's noise, [B, W·B]; one gathers these blocks and solves; all get the same
 * permutation, and take their noise by it.
 *
 * Noise reaches the others in one of two ways. As arrays, as in the authors' code: everybody's noise goes to everybody.
 * Or as streams (`{ seed, streams }`): since a stream can be drawn anywhere, only their numbers travel, and each
 * process draws what it needs, one rank's noise at a time.
 */
import { type AssignedNoise } from '../assign-noise.ts';
import { pairwiseCostAsync } from '../cost.ts';
import { AssignmentError } from '../errors.ts';
import { type Batch, readBatch, sampleLength, type Samples } from '../inputs.ts';
import { flippedSides } from '../methods/flipped.ts';
import { drawStreams, isNoiseStreams, type NoiseStreams } from '../noise-streams.ts';
import { type AssignOptions, checkThreads, readOptions, type Settings } from '../options.ts';
import { quantiseCost, quantiseSide } from '../quantise.ts';
import { solveAssignment } from '../solve/solve-assignment.ts';
import { Agreement, type Json } from './agreement.ts';
import { exchangeNoise, type NoiseOfAll } from './noise-across.ts';
import { type ProcessGroup } from './process-group.ts';
import { type SolvedAcross, statsAcross } from './stats-across.ts';

/** `nearest` wants nobody else's noise; everything else as for `assignNoise`. */
export type AssignAcrossOptions = Omit<
  AssignOptions,
  'method' | 'k' | 'standardize' | 'conditions' | 'compareExact'
> & {
  readonly method?: 'linear' | 'flipped' | 'identity';
  /** The rank that solves. Default 0. */
  readonly root?: number;
  /** Threads of this rank that compute its costs. Default 1: ranks usually share a machine. */
  readonly threads?: number;
};

/** What `assignNoise` does over one batch, and would have to be done over all of them here. */
const ONE_BATCH_ONLY = ['standardize', 'conditions', 'compareExact', 'k'];

export interface NoiseAcross extends AssignedNoise {
  /** [rows] Row of all ranks' noise, rank after rank, that each image of this rank got. */
  readonly pairing: Int32Array;
  /** [all ranks' rows] The same for the images of all ranks, rank after rank: equal on every rank. */
  readonly permutation: Int32Array;
}

/**
 * Assigns the noise of all processes to the images of all processes. Every rank calls it with its own images and
 * noise and the same options; batches may differ in size.
 *
 * @param x0 this rank's B images of D numbers
 * @param noise this rank's B noises, or the streams to draw them from: then no noise travels
 * @returns this rank's noise; the permutation and the stats, which are those of all ranks, are equal everywhere, and
 *   equal to what one process gives that holds all images and noises, rank after rank
 * @throws AssignmentError as `assignNoise`: on the rank where it happened, and with its rank in the message on all
 *   others; `invalid-option`, `invalid-size` where ranks differ in options or sample sizes; `process-failure` when the
 *   group fails, such as when a rank dies. No rank waits for one that has failed
 */
export async function assignAcross(
  group: ProcessGroup,
  x0: Samples,
  noise: Samples | NoiseStreams,
  options: AssignAcrossOptions = {},
): Promise<NoiseAcross> {
  const { rank } = group;
  const agreement = new Agreement(group);
  let own: Own | undefined;
  const ranks = await agreement.all(() => {
    own = readOwn(group, x0, noise, options);
    return own.note;
  });
  if (own === undefined) throw new Error('assignAcross: every part that succeeded left what it read');
  checkSame(ranks);
  const { settings, batch, root, threads } = own;
  const firsts = offsets(ranks.map(({ rows }) => rows));
  const { noise: drawn, dimensions } = batch;
  const everybody = await exchangeNoise(agreement, group, drawn, dimensions, own.streams);

  let permutation = Int32Array.from({ length: firsts.at(-1)! }, (_, i) => i);
  let solved: SolvedAcross = UNSOLVED;
  if (settings.method !== 'identity') {
    let block: Block = { cost: new Float32Array(), milliseconds: 0 };
    await agreement.all(async () => {
      block = await costBlock(batch, everybody, ranks, settings, threads);
      return null;
    });
    const blocks = await agreement.collect('gather', (g) => g.gather(block.cost, root));
    const answer = await agreement.one(root, () => {
      const found = solveBlocks(blocks, permutation.length, settings);
      permutation = found.pairing;
      return found.solved as unknown as Json;
    });
    permutation = await agreement.collect('broadcast', (g) => g.broadcast(permutation, root));
    const told = answer as unknown as SolvedAcross;
    solved = { ...told, milliseconds: { ...told.milliseconds, cost: block.milliseconds } };
  }

  const pairing = permutation.slice(firsts[rank], firsts[rank + 1]);
  const chosen = everybody.take(pairing);
  return {
    noise: chosen,
    shape: batch.shape,
    pairing,
    permutation,
    stats: await statsAcross(agreement, batch, { ...batch, noise: chosen }, settings.metric, solved),
  };
}

const UNSOLVED: SolvedAcross = {
  cost: null,
  gap: null,
  exact: false,
  quantisation: null,
  milliseconds: { cost: 0, quantise: 0, solve: 0 },
};

/** What ranks must know of each other. */
type Note = {
  readonly rows: number;
  readonly dimensions: number;
  /** Settings that must be the same everywhere. */
  readonly settings: { readonly [name: string]: Json };
};

/** What this rank brings. */
interface Own {
  readonly batch: Batch;
  readonly settings: Settings;
  readonly streams: NoiseStreams | undefined;
  readonly root: number;
  readonly threads: number;
  readonly note: Note;
}

function readOwn(
  group: ProcessGroup,
  x0: Samples,
  noise: Samples | NoiseStreams,
  { root = 0, threads = 1, ...options }: AssignAcrossOptions,
): Own {
  for (const name of ONE_BATCH_ONLY) {
    if (!(name in options)) continue;
    throw new AssignmentError(
      'invalid-option',
      `assignAcross: ${name} is for one batch alone; leave it out, or call assignNoise on every rank`,
    );
  }
  checkThreads(threads);
  const settings = readOptions(options);
  if (settings.method === 'nearest') {
    throw new AssignmentError(
      'invalid-option',
      "assignAcross: 'nearest' wants no other process's noise; call assignNoise",
    );
  }
  for (const name of ['standardize', 'conditions', 'compareExact']) {
    if (name in options) {
      throw new AssignmentError(
        'invalid-option',
        `assignAcross: ${name} is not offered across processes; leave it out, or call assignNoise on each of them`,
      );
    }
  }
  if (!Number.isSafeInteger(root) || root < 0 || root >= group.size) {
    throw new AssignmentError(
      'invalid-option',
      `assignAcross: root must be a rank from 0 to ${group.size - 1}, got ${String(root)}`,
    );
  }
  const streams = isNoiseStreams(noise) ? noise : undefined;
  const drawn = isNoiseStreams(noise) ? drawn2d(x0, noise) : noise;
  const batch = readBatch(x0, drawn, options.batch ?? streams?.streams.length, 1);
  const { rows, dimensions } = batch;
  const { method, metric, float16, scale } = settings;
  const same = { method, metric, float16, scale, root, seed: streams?.seed ?? null };
  return { batch, settings, streams, root, threads, note: { rows, dimensions, settings: same } };
}

function drawn2d(x0: Samples, noise: NoiseStreams): Samples {
  const length = sampleLength(x0, noise.streams.length);
  return { data: drawStreams(noise, length), shape: [noise.streams.length, length] };
}

/** @throws AssignmentError the same one on every rank */
function checkSame(ranks: readonly Note[]): void {
  const [first] = ranks;
  for (const [rank, { dimensions, settings }] of ranks.entries()) {
    if (dimensions !== first?.dimensions) {
      throw new AssignmentError(
        'invalid-size',
        `assignAcross: all ranks' samples must be of one size, got ${first?.dimensions} numbers on rank 0 and ` +
          `${dimensions} on rank ${rank}`,
      );
    }
    for (const [name, value] of Object.entries(settings)) {
      if (value === first.settings[name]) continue;
      throw new AssignmentError(
        'invalid-option',
        `assignAcross: all ranks must pass the same options, got ${name} ${JSON.stringify(first.settings[name])} on ` +
          `rank 0 and ${JSON.stringify(value)} on rank ${rank}`,
      );
    }
  }
}

/** [ranks + 1] The first row of each rank, and the number of all. */
function offsets(rows: readonly number[]): number[] {
  const firsts = [0];
  for (const count of rows) firsts.push(firsts.at(-1)! + count);
  return firsts;
}

interface Block {
  readonly cost: Float32Array; // [rows, all rows]
  readonly milliseconds: number;
}

/** The costs of this rank's images with everybody's noise. */
async function costBlock(
  batch: Batch,
  everybody: NoiseOfAll,
  ranks: readonly Note[],
  { method, metric, float16, scale }: Settings,
  threads: number,
): Promise<Block> {
  const began = performance.now();
  const { rows, dimensions } = batch;
  const all = ranks.reduce((sum, note) => sum + note.rows, 0);
  const x0 = float16 ? quantiseSide('x0', batch.x0, scale) : batch.x0;
  const cost = new Float32Array(rows * all);
  let first = 0;
  for (const [rank, { rows: columns }] of ranks.entries()) {
    const drawn = everybody.ofRank(rank);
    const raw = method === 'flipped' ? flippedSides({ ...batch, noise: drawn, rows: columns }).noise : drawn;
    const noise = float16 ? quantiseSide('noise', raw, scale) : raw;
    const shape = { rows, columns, dimensions };
    const part = await pairwiseCostAsync(x0, noise, metric, shape, { threads });
    for (let i = 0; i < rows; i++) {
      cost.set(part.subarray(i * columns, (i + 1) * columns), i * all + first);
    }
    first += columns;
  }
  return { cost, milliseconds: performance.now() - began };
}

/** Solves what the blocks make together. */
function solveBlocks(
  blocks: readonly Float32Array[],
  size: number,
  { metric, float16, scale, solve }: Settings,
): { pairing: Int32Array<ArrayBuffer>; solved: SolvedAcross } {
  const raw = new Float32Array(size * size);
  let at = 0;
  for (const block of blocks) {
    raw.set(block, at);
    at += block.length;
  }
  const began = performance.now();
  const quantised = float16 ? quantiseCost(raw, metric, scale) : undefined;
  const quantise = performance.now() - began;
  const { pairing, cost, gap, exact, milliseconds } = solveAssignment(
    quantised?.cost ?? raw,
    size,
    size,
    solve,
  );
  const times = { cost: 0, quantise, solve: milliseconds };
  const solved = { cost, gap, exact, quantisation: quantised?.report ?? null, milliseconds: times };
  return { pairing: Int32Array.from(pairing), solved };
}
