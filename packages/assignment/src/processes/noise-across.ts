/**
 * Everybody's noise on every rank, in one of two ways: as arrays, which travel; or as streams, which can be drawn
 * anywhere, so that only their numbers travel and no rank holds more than one rank's noise at a time.
 */
import { drawStreams, type NoiseStreams } from '../noise-streams.ts';
import { type Agreement } from './agreement.ts';
import { type ProcessGroup } from './process-group.ts';

export interface NoiseOfAll {
  /** [the rank's rows, D] */
  ofRank(rank: number): Float32Array;
  /** [rows, D] The noises in these rows, counted over all ranks. */
  take(rows: Int32Array): Float32Array;
}

/**
 * @param noise [rows, dimensions] this rank's
 * @param streams where it was drawn from; undefined: nobody else can draw it
 */
export async function exchangeNoise(
  agreement: Agreement,
  group: ProcessGroup,
  noise: Float32Array,
  dimensions: number,
  streams: NoiseStreams | undefined,
): Promise<NoiseOfAll> {
  if (streams === undefined) {
    const all = await agreement.collect('allGather', () => group.allGather(noise));
    return { ofRank: (rank) => all[rank]!, take: (rows) => takeRows(all, rows, dimensions) };
  }
  const { seed } = streams;
  const own = Float64Array.from(streams.streams);
  const all = await agreement.collect('allGather', () => group.allGather(own));
  const numbers = all.flatMap((ofRank) => [...ofRank]);
  return {
    ofRank: (rank) => (rank === group.rank ? noise : drawStreams({ seed, streams: all[rank]! }, dimensions)),
    take: (rows) => drawStreams({ seed, streams: Array.from(rows, (row) => numbers[row]!) }, dimensions),
  };
}

function takeRows(all: readonly Float32Array[], rows: Int32Array, dimensions: number): Float32Array {
  const places = all.flatMap((noise) =>
    Array.from({ length: noise.length / dimensions }, (_, i) =>
      noise.subarray(i * dimensions, (i + 1) * dimensions),
    ),
  );
  const taken = new Float32Array(rows.length * dimensions);
  for (const [i, row] of rows.entries()) taken.set(places[row]!, i * dimensions);
  return taken;
}
