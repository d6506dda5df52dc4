/**
 * Checkpoints: a diffusers pipeline folder (the averaged weights) with the trainer's own state beside it.
 *
 *     checkpoints/step-00001000/   model_index.json  unet/  scheduler/
 *                                  trainer/state.json  trainer/{parameters,firstMoments,secondMoments}.safetensors
 *                                  trainer/target.safetensors, of objectives that keep a target network
 *
 * A folder of that name is complete: it was written under another name, synced and renamed.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Tensor, tensor, writeSafetensors } from '@immiscible/tensor-core';
import { z } from 'zod';
import { makeFolderAtomic, removePartials, writeSynced } from './atomic.ts';
import { CheckpointError, DivergedError } from './errors.ts';
import { type ParameterLayout } from './layout.ts';
import {
  type Pipeline,
  readJson,
  readPipeline,
  readTensors,
  storedTensors,
  writePipeline,
} from './pipeline-folder.ts';
import { type LossScale } from './optim/loss-scale.ts';
import { type TrainState, type VectorName, vectorsOf } from './state.ts';
import { readSlots, writeSlots } from './stored-seeds.ts';

const counts = z.int().min(0);

const progressSchema = z.object({
  /** updates done */
  step: counts,
  /** training images seen */
  images: counts,
  /** seconds of training so far, of all sessions */
  seconds: z.number().min(0),
  loader: z.object({ epoch: counts, position: counts }),
  /** what the log has gathered since its last line; `loss` of the steps that were taken, the norm of the last of them */
  pending: z.object({
    steps: counts,
    taken: counts,
    loss: z.number(),
    gradientNorm: z.number(),
    distanceChange: z.number(),
    seconds: z.number(),
  }),
});

/** Where a run stands, beside its tensors. */
export type Progress = z.output<typeof progressSchema>;

const scaleSchema = z.object({
  scale: z.number().positive(),
  streak: counts,
  skipped: counts,
  firstCorrection: z.number().min(0),
  secondCorrection: z.number().min(0),
});

/** `state.json`; a float32 is the same number in JSON. */
const stateSchema = progressSchema.extend({ lossScale: scaleSchema.optional() });

const NAME = /^step-(\d{8,})$/;

function folderOf(run: string): string {
  return join(run, 'checkpoints');
}

/** Steps of the complete checkpoints of a run, rising. */
export async function listCheckpoints(run: string): Promise<number[]> {
  const names = await readdir(folderOf(run)).catch(() => []);
  return names
    .flatMap((name) => {
      const match = NAME.exec(name);
      return match ? [Number(match[1])] : [];
    })
    .sort((a, b) => a - b);
}

/** The folder of one checkpoint. */
export function checkpointPath(run: string, step: number): string {
  return join(folderOf(run), `step-${String(step).padStart(8, '0')}`);
}

/**
 * Writes a checkpoint and removes the oldest ones beyond `keep`.
 *
 * @param slots which seed every image holds, where seeds are stored
 * @throws CheckpointError where the disk does not take it, DivergedError where the state is not finite; earlier
 *   checkpoints are then untouched
 */
export async function writeCheckpoint(
  run: string,
  state: TrainState,
  progress: Progress,
  layout: ParameterLayout,
  pipeline: Omit<Pipeline, 'parameters'>,
  keep: number,
  slots?: Uint32Array,
): Promise<string> {
  // Everything is read before a file is touched: a device that is lost by now is not a disk that fails.
  const vectors = await hostVectors(state);
  const lossScale = state.lossScale ? { lossScale: await numbersOf(state.lossScale) } : {};
  checkFinite(vectors, layout, progress.step);
  const { ema, ...own } = vectors;
  await removePartials(folderOf(run));
  const path = checkpointPath(run, progress.step);
  await makeFolderAtomic(path, async (folder) => {
    await writePipeline(folder, { ...pipeline, parameters: layout.views(ema) });
    const trainer = join(folder, 'trainer');
    await mkdir(trainer);
    for (const [part, values] of Object.entries(own)) {
      await writeSafetensors(vectorPath(trainer, part), await storedTensors(layout.views(values)));
    }
    if (slots) await writeSlots(trainer, slots);
    await writeSynced(
      join(trainer, 'state.json'),
      `${JSON.stringify({ ...progress, ...lossScale }, null, 2)}\n`,
    );
  });
  const steps = await listCheckpoints(run);
  for (const old of steps.slice(0, Math.max(0, steps.length - keep))) {
    await rm(checkpointPath(run, old), { recursive: true, force: true });
  }
  return path;
}

/**
 * Reads the newest complete checkpoint of a run.
 *
 * @param wanted what there must be beside the weights and moments
 * @returns undefined where there is none
 * @throws CheckpointError where it is damaged, saying what to do
 */
export async function readLatestCheckpoint(
  run: string,
  layout: ParameterLayout,
  wanted: WantedParts = {},
): Promise<(ReadCheckpoint & { path: string }) | undefined> {
  const steps = await listCheckpoints(run);
  const [latest, earlier] = [steps.at(-1), steps.at(-2)];
  if (latest === undefined) return undefined;
  const path = checkpointPath(run, latest);
  try {
    return { ...(await readCheckpoint(path, layout, wanted)), path };
  } catch (error) {
    const then = earlier === undefined ? 'begin the run again' : `resume from step ${earlier}`;
    throw new CheckpointError(
      `${path} is damaged: ${(error as Error).message}; remove that folder to ${then}`,
      { cause: error },
    );
  }
}

/** What only some runs keep. */
export interface WantedParts {
  /** seeds that images hold: they come as `slots` */
  readonly slots?: boolean;
  /** a target network */
  readonly target?: boolean;
}

interface ReadCheckpoint {
  readonly state: TrainState;
  readonly progress: Progress;
  readonly slots?: ArrayLike<number>;
}

async function readCheckpoint(
  path: string,
  layout: ParameterLayout,
  { slots = false, target = false }: WantedParts,
): Promise<ReadCheckpoint> {
  const own = join(path, 'trainer');
  const parsed = stateSchema.safeParse(await readJson(join(own, 'state.json')));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CheckpointError(`trainer/state.json: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { lossScale, ...progress } = parsed.data;
  const { parameters: ema } = await readPipeline(path);
  const vector = async (part: VectorName): Promise<Tensor> =>
    layout.pack(await readTensors(vectorPath(own, part)));
  return {
    state: {
      parameters: await vector('parameters'),
      firstMoments: await vector('firstMoments'),
      secondMoments: await vector('secondMoments'),
      ema: await layout.pack(ema),
      ...(target ? { target: await vector('target') } : {}),
      diverged: tensor(0),
      ...(lossScale ? { lossScale: tensorsOf(lossScale) } : {}),
    },
    progress,
    ...(slots ? { slots: await readSlots(own) } : {}),
  };
}

async function numbersOf(lossScale: LossScale): Promise<z.output<typeof scaleSchema>> {
  const [scale, streak, skipped, firstCorrection, secondCorrection] = await Promise.all([
    lossScale.scale.item(),
    lossScale.streak.item(),
    lossScale.skipped.item(),
    lossScale.firstCorrection.item(),
    lossScale.secondCorrection.item(),
  ]);
  return { scale, streak, skipped, firstCorrection, secondCorrection };
}

function tensorsOf(numbers: z.output<typeof scaleSchema>): LossScale {
  return {
    scale: tensor(numbers.scale),
    streak: tensor(numbers.streak),
    skipped: tensor(numbers.skipped),
    firstCorrection: tensor(numbers.firstCorrection),
    secondCorrection: tensor(numbers.secondCorrection),
  };
}

type HostVectors = Readonly<Record<Exclude<VectorName, 'target'>, Float32Array> & { target?: Float32Array }>;

async function hostVectors(state: TrainState): Promise<HostVectors> {
  const read = vectorsOf(state).map(async ([part, x]) => [part, await x.data()]);
  return Object.fromEntries(await Promise.all(read)) as HostVectors;
}

function vectorPath(folder: string, part: string): string {
  return join(folder, `${part}.safetensors`);
}

/** A checkpoint that no run could go on from would take the place of good ones. @throws DivergedError */
function checkFinite(vectors: HostVectors, layout: ParameterLayout, step: number): void {
  for (const [part, values] of Object.entries(vectors)) {
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new DivergedError(
        `step ${step}: ${part} of ${layout.nameAt(bad)} are not finite, so no checkpoint is written; lower the learning rate or clip gradients, and resume from the last checkpoint`,
      );
    }
  }
}
