/**
 * A model as a diffusers pipeline folder: `DDPMPipeline.from_pretrained(folder)` opens what is written here, and what
 * diffusers writes is read here.
 *
 *     model_index.json
 *     unet/config.json   unet/diffusion_pytorch_model.safetensors
 *     scheduler/scheduler_config.json
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseUnet2dConfig, toUnet2dConfig, type Unet2dConfig, unet2dFromWeights } from '@immiscible/models';
import { parseSchedulerConfig, type SchedulerConfig, toSchedulerConfig } from '@immiscible/schedulers';
import {
  readSafetensors,
  type StoredTensor,
  type Tensor,
  tensor,
  widen,
  writeSafetensors,
} from '@immiscible/tensor-core';
import { writeSynced } from './atomic.ts';
import { CheckpointError } from './errors.ts';
import { type Tensors } from './optim/adam.ts';

/** The diffusers version whose files these are. */
const DIFFUSERS_VERSION = '0.35.2';
const WEIGHTS = 'diffusion_pytorch_model.safetensors';

export interface Pipeline {
  readonly model: Unet2dConfig;
  readonly scheduler: SchedulerConfig;
  /** float32, on the host */
  readonly parameters: Tensors;
}

/** The elements of every tensor, by name. */
export async function storedTensors(tensors: Tensors): Promise<Record<string, StoredTensor>> {
  const stored: Record<string, StoredTensor> = {};
  for (const [name, x] of Object.entries(tensors)) {
    stored[name] = { shape: x.shape, dtype: x.dtype, data: await x.data() };
  }
  return stored;
}

/** Writes a pipeline into an existing folder. */
export async function writePipeline(
  folder: string,
  { model, scheduler, parameters }: Pipeline,
): Promise<void> {
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const schedulerConfig = toSchedulerConfig(scheduler);
  await mkdir(join(folder, 'unet'), { recursive: true });
  await mkdir(join(folder, 'scheduler'), { recursive: true });
  await writeSynced(
    join(folder, 'model_index.json'),
    json({
      _class_name: scheduler._class_name === 'DDIMScheduler' ? 'DDIMPipeline' : 'DDPMPipeline',
      _diffusers_version: DIFFUSERS_VERSION,
      scheduler: ['diffusers', scheduler._class_name],
      unet: ['diffusers', 'UNet2DModel'],
    }),
  );
  await writeSynced(
    join(folder, 'unet', 'config.json'),
    json({ _class_name: 'UNet2DModel', _diffusers_version: DIFFUSERS_VERSION, ...toUnet2dConfig(model) }),
  );
  await writeSynced(
    join(folder, 'scheduler', 'scheduler_config.json'),
    json({ _diffusers_version: DIFFUSERS_VERSION, ...schedulerConfig }),
  );
  await writeSafetensors(join(folder, 'unet', WEIGHTS), await storedTensors(parameters));
}

/** @param hint what to do where it cannot be read. @throws CheckpointError where there is no such file, or it is not JSON */
export async function readJson(path: string, hint = ''): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new CheckpointError(`${path} cannot be read: ${(error as Error).message}${hint}`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CheckpointError(`${path} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

async function readStored(path: string): Promise<Record<string, StoredTensor>> {
  try {
    return (await readSafetensors(path)).tensors;
  } catch (error) {
    throw new CheckpointError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Reads the tensors of a file as float32 host tensors. */
export async function readTensors(path: string): Promise<Tensors> {
  const stored = Object.entries(await readStored(path));
  return Object.fromEntries(
    stored.map(([name, value]): [string, Tensor] => {
      const { data, shape, dtype } = widen(value);
      return [name, tensor(data, shape, dtype)];
    }),
  );
}

/**
 * Reads a pipeline folder of ours or of diffusers.
 *
 * @throws CheckpointError for a missing or damaged file; ModelWeightsError for weights that are missing, left over or of
 *   another shape than the config says
 */
export async function readPipeline(folder: string): Promise<Pipeline> {
  const read = (...path: string[]): Promise<unknown> =>
    readJson(join(folder, ...path), '; a diffusers pipeline folder has it');
  const model = parseUnet2dConfig(await read('unet', 'config.json'));
  const scheduler = parseSchedulerConfig(await read('scheduler', 'scheduler_config.json'));
  const parameters = unet2dFromWeights(model, await readStored(join(folder, 'unet', WEIGHTS)));
  return { model, scheduler, parameters };
}
