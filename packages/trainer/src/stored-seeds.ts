/**
 * Seeds that images keep from epoch to epoch (LOOM-CFM, see `StoredSeeds` of @immiscible/assignment): those of a run at
 * its beginning, and as they lie in its checkpoints, `trainer/seeds.safetensors`.
 */
import { join } from 'node:path';
import { StoredSeeds } from '@immiscible/assignment';
import { readSafetensors, writeSafetensors } from '@immiscible/tensor-core';
import { type RunConfig } from './config.ts';
import { CheckpointError } from './errors.ts';
import { streamOf } from './streams.ts';

const FILE = 'seeds.safetensors';

/** The seeds that `length` images begin with; undefined where the config draws noise anew for every sample. */
export function firstSeeds({ assignment, seed }: RunConfig, length: number): StoredSeeds | undefined {
  const { storedSeeds: caches } = assignment;
  if (caches === 0) return undefined;
  streamOf('storedNoise', caches * length - 1); // throws where the streams would be another purpose's
  return new StoredSeeds({ size: length, seed, firstStream: streamOf('storedNoise', 0), caches });
}

/** Writes who holds which seed. @param folder the trainer's own within a checkpoint */
export async function writeSlots(folder: string, slots: Uint32Array): Promise<void> {
  const data = Int32Array.from(slots);
  await writeSafetensors(join(folder, FILE), { slots: { shape: [slots.length], dtype: 'int32', data } });
}

/** @throws CheckpointError where the file is missing or holds something else */
export async function readSlots(folder: string): Promise<ArrayLike<number>> {
  const path = join(folder, FILE);
  const read = await readSafetensors(path).catch((error: unknown) => {
    throw new CheckpointError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  });
  const { slots } = read.tensors;
  if (slots?.dtype !== 'int32') throw new CheckpointError(`${path} has no slots of whole numbers`);
  return slots.data;
}
