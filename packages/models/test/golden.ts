/**
 * Reads the recordings of networks (`golden/README.md`, and this package's `golden/README.md`): weights and inputs, made
 * again from their streams, and what the reference computed with them.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { streamUniform } from '@immiscible/random';
import {
  type HostArray,
  readSafetensors,
  type StoredTensor,
  tensor,
  type Tensor,
} from '@immiscible/tensor-core';
import { type ModelConfig, parseModelConfig } from '../src/index.ts';

/** Folders with recordings: the repository's, and this package's own. */
const folders = {
  shared: new URL('../../../golden/', import.meta.url),
  own: new URL('../golden/', import.meta.url),
};
export type Folder = keyof typeof folders;

export function goldenPath(name: string, folder: Folder = 'shared'): string {
  return fileURLToPath(new URL(name, folders[folder]));
}

export function goldenJson<T>(name: string, folder: Folder = 'shared'): T {
  return JSON.parse(readFileSync(goldenPath(name, folder), 'utf8')) as T;
}

/** Uniform numbers in [lo, hi) from a stream. */
interface Draw {
  readonly shape: readonly number[];
  readonly stream: number;
  readonly lo: number;
  readonly hi: number;
}

/** A gradient as `golden/README.md` summarises it. */
export type GradientSummary =
  | { readonly zero: true }
  | { readonly norm: number; readonly sum: number; readonly entries: readonly number[] };

interface Head {
  readonly config: string;
  readonly tensors: string;
  readonly tolerance: number;
  readonly seed: number;
  readonly timesteps: readonly number[];
  readonly classLabels: readonly number[] | null;
  readonly sample: Draw;
  readonly cotangent: Draw;
  readonly gradientsStored: boolean;
  readonly gradientNorm: number;
  readonly parameters: readonly (Draw & {
    readonly name: string;
    readonly frozen?: boolean;
    readonly gradient?: GradientSummary;
  })[];
}

export interface Recording {
  readonly head: Head;
  readonly config: ModelConfig;
  readonly stored: Readonly<Record<string, StoredTensor>>;
}

/** @param kind where it lies: `unet` has recordings of diffusers, `networks` those of this package's own references */
export async function readRecording(
  name: string,
  folder: Folder = 'shared',
  kind: 'unet' | 'networks' = 'unet',
): Promise<Recording> {
  const head = goldenJson<Head>(`${kind}/${name}.json`, folder);
  return {
    head,
    config: parseModelConfig(readFileSync(goldenPath(head.config, folder), 'utf8')),
    stored: (await readSafetensors(goldenPath(head.tensors, folder))).tensors,
  };
}

/** The numbers of a draw, as a host tensor. */
export function drawn(seed: number, { shape, stream, lo, hi }: Draw): Tensor {
  const values = streamUniform(seed, stream, new Float32Array(shape.reduce((n, d) => n * d, 1)));
  for (let i = 0; i < values.length; i++) values[i] = lo + (hi - lo) * values[i]!;
  return tensor(values, shape);
}

export function recordedWeights({ head }: Recording): Record<string, Tensor> {
  return Object.fromEntries(head.parameters.map((row) => [row.name, drawn(head.seed, row)]));
}

/** What the model is applied to, and the cotangent of its output. */
export function recordedInputs({ head }: Recording): {
  sample: Tensor;
  timestep: Tensor;
  cotangent: Tensor;
  classLabels?: Tensor;
} {
  const { classLabels } = head;
  return {
    sample: drawn(head.seed, head.sample),
    cotangent: drawn(head.seed, head.cotangent),
    timestep: tensor(head.timesteps, [head.timesteps.length]),
    ...(classLabels === null ? {} : { classLabels: tensor(classLabels, [classLabels.length], 'int32') }),
  };
}

/** max |value − reference| / max |reference|; max |value| where the reference is all zero. */
export function relativeError(value: HostArray, reference: ArrayLike<number>): number {
  if (value.length !== reference.length) return Infinity;
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < reference.length; i++) {
    const d = Math.abs(value[i]! - reference[i]!);
    if (!(d <= difference)) difference = Number.isNaN(d) ? Infinity : d;
    scale = Math.max(scale, Math.abs(reference[i]!));
  }
  return scale > 0 ? difference / scale : difference;
}

/**
 * How far a gradient is from its summary, as a multiple of the tolerance that the README allows for it: 1 and less agree.
 *
 * @param total norm of all gradients together
 */
export function summaryError(
  value: HostArray,
  summary: GradientSummary,
  total: number,
  tolerance: number,
): number {
  let squares = 0;
  let sum = 0;
  for (const v of value) {
    squares += v * v;
    sum += v;
  }
  const norm = Math.sqrt(squares);
  if ('zero' in summary) return norm / (1e-6 * total);
  const n = value.length;
  const scale = Math.max(summary.norm / Math.sqrt(n), ...summary.entries.map(Math.abs));
  const errors = [
    Math.abs(norm - summary.norm) / summary.norm,
    Math.abs(sum - summary.sum) / (Math.sqrt(n) * summary.norm),
    ...summary.entries.map(
      (entry, i) => Math.abs(value[Math.floor((i * n) / summary.entries.length)]! - entry) / scale,
    ),
  ];
  return errors.some(Number.isNaN) ? Infinity : Math.max(...errors) / tolerance;
}
