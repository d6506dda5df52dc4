/** Weights that ship with the package: read, held against their hash, and checked tensor by tensor. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { readSafetensors, tensor, type Tensor } from '@immiscible/tensor-core';
import { MetricWeightsError } from '../errors.ts';

export interface LoadedWeights {
  /** float32 tensors on the host */
  readonly parameters: Record<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const FIX = 'install @immiscible/metrics-fid again';

/**
 * Reads a safetensors file whose hash is known.
 *
 * @param url of the file
 * @param sha256 of all its bytes, lower-case hex
 * @param shapes of every parameter by name: no other may be in the file, and none may be missing
 * @throws MetricWeightsError where the file cannot be read, has another hash, or holds other tensors
 */
export async function loadWeights(
  url: URL,
  sha256: string,
  shapes: Readonly<Record<string, readonly number[]>>,
): Promise<LoadedWeights> {
  const path = fileURLToPath(url);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new MetricWeightsError(`weights: cannot read ${path}; ${FIX}`, { cause });
  });
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) {
    throw new MetricWeightsError(
      `weights: ${path} has SHA-256 ${found}, wanted ${sha256}; other weights give other distances, so ${FIX}`,
    );
  }
  const { tensors, metadata } = await readSafetensors(path);
  const names = new Set([...Object.keys(shapes), ...Object.keys(tensors)]);
  const parameters: Record<string, Tensor> = {};
  for (const name of names) {
    const wanted = shapes[name]?.join(', ');
    const stored = tensors[name];
    if (stored?.dtype !== 'float32' || stored.shape.join(', ') !== wanted) {
      const describe = stored ? `${stored.dtype} [${stored.shape.join(', ')}]` : 'nothing';
      throw new MetricWeightsError(
        `weights: ${path}: wanted ${wanted === undefined ? 'no' : `float32 [${wanted}] as`} ${name}, got ${describe}`,
      );
    }
    parameters[name] = tensor(stored.data, stored.shape);
  }
  return { parameters, metadata };
}
