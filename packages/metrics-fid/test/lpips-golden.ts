/** The recordings of golden/lpips_reference.py, and the random weights that they were made with. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { streamUniform } from '@immiscible/random';
import { readSafetensors, type StoredTensor, tensor } from '@immiscible/tensor-core';
import { type LpipsWeights } from '../src/index.ts';

interface Recording {
  readonly seed: number;
  readonly parameters: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly stream: number;
    readonly lo: number;
    readonly hi: number;
  }[];
  readonly cases: readonly {
    readonly name: string;
    readonly shape: readonly [number, number, number, number];
    readonly resize?: readonly [number, number];
  }[];
}

const file = (name: string): URL => new URL(`../golden/${name}`, import.meta.url);

export const recording = JSON.parse(readFileSync(file('lpips.json'), 'utf8')) as Recording;

export async function recordedTensors(): Promise<Record<string, StoredTensor>> {
  return (await readSafetensors(fileURLToPath(file('lpips.safetensors')))).tensors;
}

/** lo + (hi − lo) · u for every parameter, u from its own stream, rounded once. */
export function recordedWeights(): LpipsWeights {
  return Object.fromEntries(
    recording.parameters.map(({ name, shape, stream, lo, hi }) => {
      const size = shape.reduce((product, extent) => product * extent, 1);
      const values = streamUniform(recording.seed, stream, new Float32Array(size));
      for (let i = 0; i < size; i++) values[i] = lo + (hi - lo) * values[i]!;
      return [name, tensor(values, shape)];
    }),
  );
}

/** max |value − reference| / max |reference| */
export function relativeError(value: ArrayLike<number>, reference: ArrayLike<number>): number {
  if (value.length !== reference.length) return Infinity;
  let [difference, scale] = [0, 0];
  for (let i = 0; i < reference.length; i++) {
    const d = Math.abs(value[i]! - reference[i]!);
    difference = d <= difference ? difference : Number.isNaN(d) ? Infinity : d;
    scale = Math.max(scale, Math.abs(reference[i]!));
  }
  return difference / scale;
}
