/**
 * Streams of uniform and normal numbers on top of Philox.
 *
 * Layout, fixed for ever because runs resume by it: key = (seed low word, seed high word); counter =
 * (block low word, block high word, stream low word, stream high word); block i of a stream holds its elements
 * 4i … 4i+3. A seed and a stream are non-negative safe integers.
 */
import { philox4x32 } from './philox.ts';

/** A non-negative safe integer. */
export type Seed = number;

const TWO_32 = 0x1_0000_0000;
const TO_UNIT = 2 ** -24;

function words(name: string, value: number): [number, number] {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(
      `random: ${name} must be an integer from 0 to 2^53 - 1, got ${value}; use a non-negative whole number`,
    );
  }
  return [(value % TWO_32) | 0, Math.floor(value / TWO_32) | 0];
}

/**
 * Fills `out` with uniform float32 numbers in [0, 1): the top 24 bits of each word times 2^-24.
 *
 * @param start index of the first element within the stream; a multiple of 4
 */
export function streamUniform(seed: Seed, stream: number, out: Float32Array, start = 0): Float32Array {
  eachBlock(seed, stream, start, out.length, (block, at, count) => {
    for (let i = 0; i < count; i++) out[at + i] = (block[i]! >>> 8) * TO_UNIT;
  });
  return out;
}

/**
 * Fills `out` with standard normal float32 numbers: Box–Muller on pairs of words, u1 in (0, 1], u2 in [0, 1);
 * computed in float64, rounded once.
 *
 * @param start index of the first element within the stream; a multiple of 4
 */
export function streamNormal(seed: Seed, stream: number, out: Float32Array, start = 0): Float32Array {
  eachBlock(seed, stream, start, out.length, (block, at, count) => {
    for (let i = 0; i < count; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(((block[i]! >>> 8) + 1) * TO_UNIT));
      const angle = 2 * Math.PI * ((block[i + 1]! >>> 8) * TO_UNIT);
      out[at + i] = radius * Math.cos(angle);
      if (i + 1 < count) out[at + i + 1] = radius * Math.sin(angle);
    }
  });
  return out;
}

function eachBlock(
  seed: Seed,
  stream: number,
  start: number,
  length: number,
  visit: (block: Uint32Array, at: number, count: number) => void,
): void {
  const [k0, k1] = words('seed', seed);
  const [s0, s1] = words('stream', stream);
  if (start % 4 !== 0) throw new RangeError(`random: start must be a multiple of 4, got ${start}`);
  words('start', start);
  const block = new Uint32Array(4);
  let index = start / 4;
  for (let at = 0; at < length; at += 4, index++) {
    philox4x32((index % TWO_32) | 0, Math.floor(index / TWO_32) | 0, s0, s1, k0, k1, block, 0);
    visit(block, at, Math.min(4, length - at));
  }
}

/** A cursor over one stream, for drawing one number after another. */
export class RandomStream {
  readonly #seed: Seed;
  readonly #stream: number;
  readonly #block = new Uint32Array(4);
  #position: number;
  #loaded = -1;

  /** @param position index of the first word to draw (so that a cursor can be resumed) */
  constructor(seed: Seed, stream: number, position = 0) {
    words('seed', seed);
    words('stream', stream);
    words('position', position);
    this.#seed = seed;
    this.#stream = stream;
    this.#position = position;
  }

  /** Words drawn so far: pass it to the constructor to continue from here. */
  get position(): number {
    return this.#position;
  }

  /** The next 32-bit word, unsigned. */
  uint32(): number {
    const index = Math.floor(this.#position / 4);
    if (index !== this.#loaded) {
      const [k0, k1] = words('seed', this.#seed);
      const [s0, s1] = words('stream', this.#stream);
      philox4x32((index % TWO_32) | 0, Math.floor(index / TWO_32) | 0, s0, s1, k0, k1, this.#block, 0);
      this.#loaded = index;
    }
    return this.#block[this.#position++ % 4]!;
  }

  /** Uniform in [0, 1) with 24 bits. */
  uniform(): number {
    return (this.uint32() >>> 8) * TO_UNIT;
  }

  /** Uniform integer in [0, bound), without modulo bias. @param bound from 1 to 2^32 */
  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > TWO_32) {
      throw new RangeError(`random: below needs a whole bound from 1 to 2^32, got ${bound}`);
    }
    const limit = TWO_32 - (TWO_32 % bound);
    for (;;) {
      const word = this.uint32();
      if (word < limit) return word % bound;
    }
  }
}

/** A uniformly random permutation of 0 … n-1 (Fisher–Yates), the same for the same seed and stream. */
export function permutation(seed: Seed, stream: number, n: number): Uint32Array {
  const random = new RandomStream(seed, stream);
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  return order;
}
