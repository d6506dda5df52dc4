/**
 * The published weights of LPIPS, in files that the user gives: VGG-16 as torchvision publishes it, and the linear heads
 * of the package lpips. Other weights are another metric, so every file is held against its hash.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import {
  readSafetensors,
  readTorchCheckpoint,
  type StoredTensor,
  tensor,
  type Tensor,
  TensorError,
  widen,
} from '@immiscible/tensor-core';
import { MetricWeightsError } from '../errors.ts';
import { LPIPS_HEAD_SHAPES, type LpipsWeights } from './lpips.ts';
import { VGG16_SHAPES } from './vgg16.ts';

/** A published file of weights. */
export interface PublishedFile {
  readonly name: string;
  /** Of all its bytes, lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** Where it is to be had, for people. */
  readonly source: string;
}

/** The two files that `readLpipsWeights` wants. */
export const LPIPS_FILES = {
  backbone: {
    name: 'vgg16-397923af.pth',
    sha256: '397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0',
    bytes: 553_433_881,
    source: 'torchvision’s VGG-16, https://download.pytorch.org/models/vgg16-397923af.pth',
  },
  heads: {
    name: 'vgg.pth',
    sha256: 'a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868',
    bytes: 7_289,
    source:
      'lpips/weights/v0.1/vgg.pth in the Python package lpips 0.1.4 and in https://github.com/richzhang/PerceptualSimilarity',
  },
} as const satisfies Record<string, PublishedFile>;

type Part = keyof typeof LPIPS_FILES;

export interface LpipsPaths {
  /** VGG-16: `.pth`, or `.safetensors` with the same names. */
  readonly backbone: string;
  /** The linear heads: `.pth`, or `.safetensors` with the same names. */
  readonly heads: string;
  /** SHA-256 that the files have instead of the published ones, for weights in another file: you vouch for them. */
  readonly sha256?: { readonly [part in Part]?: string };
}

/**
 * Reads the weights from files of the user's; nothing is fetched, and nothing in the files is executed. Of VGG-16 only the
 * convolutions are read into memory (59 MB).
 *
 * @returns float32 tensors on the host: put them on a device with `device.put()`
 * @throws MetricWeightsError where a file cannot be read, has another hash or holds other tensors, saying what was wanted,
 * what came and where to get it
 */
export async function readLpipsWeights({ backbone, heads, sha256 = {} }: LpipsPaths): Promise<LpipsWeights> {
  const wanted = (part: Part): string => sha256[part] ?? LPIPS_FILES[part].sha256;
  await checkHash('backbone', backbone, wanted('backbone'));
  await checkHash('heads', heads, wanted('heads'));
  return {
    ...(await parametersOf('backbone', backbone, VGG16_SHAPES)),
    ...(await parametersOf('heads', heads, LPIPS_HEAD_SHAPES)),
  };
}

function wantedFile(part: Part): string {
  const { name, bytes, source } = LPIPS_FILES[part];
  return `as ${part} give ${name} (${bytes} bytes): ${source}`;
}

async function checkHash(part: Part, path: string, sha256: string): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = createReadStream(path).on('data', ({ length }) => (bytes += length));
  await pipeline(file, hash).catch((cause: unknown) => {
    throw new MetricWeightsError(`lpips: cannot read ${path}; ${wantedFile(part)}`, { cause });
  });
  const found = hash.digest('hex');
  if (found === sha256) return;
  throw new MetricWeightsError(
    `lpips: ${path} has ${bytes} bytes and SHA-256 ${found}, wanted ${sha256}, for other weights give other distances; ${wantedFile(part)}. The same weights in a file of another kind: give its hash as sha256.${part}`,
  );
}

/** The tensors of `shapes` in the file, which may hold others beside them. */
async function parametersOf(
  part: Part,
  path: string,
  shapes: Readonly<Record<string, readonly number[]>>,
): Promise<Record<string, Tensor>> {
  const stored = await read(path, (name) => Object.hasOwn(shapes, name)).catch((cause: unknown) => {
    if (!(cause instanceof TensorError)) throw cause;
    throw new MetricWeightsError(`lpips: ${path} holds no weights that can be read: ${cause.message}`, {
      cause,
    });
  });
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]): [string, Tensor] => {
      const found = Object.hasOwn(stored, name) ? widen(stored[name]!) : undefined;
      if (found?.dtype !== 'float32' || found.shape.join() !== shape.join()) {
        const came = found ? `${found.dtype} [${found.shape.join(', ')}]` : 'nothing';
        throw new MetricWeightsError(
          `lpips: ${path}: wanted float32 [${shape.join(', ')}] as ${name}, got ${came}; ${wantedFile(part)}`,
        );
      }
      return [name, tensor(found.data, found.shape)];
    }),
  );
}

async function read(path: string, select: (name: string) => boolean): Promise<Record<string, StoredTensor>> {
  if (path.endsWith('.safetensors')) return (await readSafetensors(path)).tensors;
  return readTorchCheckpoint(path, { select });
}
