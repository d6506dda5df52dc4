/**
 * A model as a diffusers pipeline folder: `DiffusionPipeline.from_pretrained(folder)` opens what is written here, if network
 * and scheduler are of diffusers, and what diffusers writes is read here.
 *
 *     model_index.json
 *     unet/config.json   unet/diffusion_pytorch_model.safetensors
 *     scheduler/scheduler_config.json
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ModelConfig, modelFromWeights, parseModelConfig, toModelConfig } from '@immiscible/models';
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

/** Where a class of ours is looked for; diffusers says that there is no such library. */
const OURS = 'immiscible';

export interface Pipeline {
  readonly model: ModelConfig;
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

/**
 * The pipeline that makes images of a network and a scheduler: diffusers' own where it has one for the two, else a name that
 * diffusers does not know, so that it does not make something else of them.
 */
function pipelineClass({ model, scheduler }: Omit<Pipeline, 'parameters'>): string {
  if (model._class_name !== 'UNet2DModel') return 'ImmisciblePipeline';
  switch (scheduler._class_name) {
    case 'DDIMScheduler':
      return 'DDIMPipeline';
    case 'DDPMScheduler':
      return 'DDPMPipeline';
    case 'PNDMScheduler':
      return 'PNDMPipeline';
    case 'CMStochasticIterativeScheduler':
      return 'ConsistencyModelPipeline';
    case 'EulerDiscreteScheduler':
    case 'HeunDiscreteScheduler':
    case 'DPMSolverMultistepScheduler':
    case 'FlowMatchEulerDiscreteScheduler':
    case 'EDMHeunScheduler':
      return 'ImmisciblePipeline';
  }
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
      _class_name: pipelineClass({ model, scheduler }),
      _diffusers_version: DIFFUSERS_VERSION,
      scheduler: [scheduler._class_name === 'EDMHeunScheduler' ? OURS : 'diffusers', scheduler._class_name],
      unet: [model._class_name === 'UNet2DModel' ? 'diffusers' : OURS, model._class_name],
    }),
  );
  await writeSynced(
    join(folder, 'unet', 'config.json'),
    json({ _diffusers_version: DIFFUSERS_VERSION, ...toModelConfig(model) }),
  );
  await writeSynced(
    join(folder, 'scheduler', 'scheduler_config.json'),
    json({ _diffusers_version: DIFFUSERS_VERSION, ...schedulerConfig }),
  );
  await writeSafetensors(join(folder, 'unet', WEIGHTS), await storedTensors(parameters));
}

async function readText(path: string, hint: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CheckpointError(`${path} cannot be read: ${(error as Error).message}${hint}`, { cause: error });
  }
}

/** @param hint what to do where it cannot be read. @throws CheckpointError where there is no such file, or it is not JSON */
export async function readJson(path: string, hint = ''): Promise<unknown> {
  const text = await readText(path, hint);
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
  const hint = '; a diffusers pipeline folder has it';
  const model = parseModelConfig(await readJson(join(folder, 'unet', 'config.json'), hint));
  // As text: diffusers writes infinite numbers, which JSON does not have.
  const path = join(folder, 'scheduler', 'scheduler_config.json');
  const scheduler = parseSchedulerConfig(await readText(path, hint));
  const parameters = modelFromWeights(model, await readStored(join(folder, 'unet', WEIGHTS)));
  return { model, scheduler, parameters };
}
