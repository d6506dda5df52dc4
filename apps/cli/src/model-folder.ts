/** What the user points at when a command wants a model: a pipeline folder, or a run that has checkpoints. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checkpointPath,
  isComparison,
  isRun,
  listCheckpoints,
  type Pipeline,
  readCompareConfig,
  readPipeline,
  readRunConfig,
  type RunConfig,
} from '@immiscible/trainer';
import { UsageError } from './errors.ts';

export interface ModelFolder {
  /** the pipeline folder: the one given, or the newest checkpoint of the run given */
  readonly folder: string;
  /** of the run, where the folder belongs to one */
  readonly runConfig?: RunConfig;
  readonly step?: number;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** @throws UsageError that says what such a folder holds */
export async function findModel(path: string): Promise<ModelFolder> {
  if (await exists(join(path, 'unet', 'config.json'))) return { folder: path };
  if (await isRun(path)) {
    const step = (await listCheckpoints(path)).at(-1);
    if (step === undefined)
      throw new UsageError(`the run in ${path} has no checkpoint yet; train it further`);
    return { folder: checkpointPath(path, step), runConfig: await readRunConfig(path), step };
  }
  if (await isComparison(path)) {
    const { arms } = await readCompareConfig(path);
    throw new UsageError(
      `${path} holds a comparison; name one of its arms: ${arms.map(({ name }) => join(path, name)).join(', ')}`,
    );
  }
  const found = (await exists(path)) ? 'holds neither' : 'does not exist';
  throw new UsageError(
    `wants a pipeline folder (model_index.json, unet/, scheduler/) or the folder of a run; ${path} ${found}`,
  );
}

export async function openModel(path: string): Promise<ModelFolder & { readonly pipeline: Pipeline }> {
  const found = await findModel(path);
  return { ...found, pipeline: await readPipeline(found.folder) };
}
