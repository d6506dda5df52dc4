import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { initUnet2d, ModelConfigError, ModelWeightsError } from '@immiscible/models';
import { streamUniform } from '@immiscible/random';
import { SchedulerConfigError } from '@immiscible/schedulers';
import { readSafetensors, tensor, writeSafetensors } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import {
  digest,
  floats,
  goldenJson,
  goldenPath,
  relativeError,
  richModel,
  temporaryFolder,
  testDevice,
  tinyRun,
} from '../test/tiny.ts';
import { type RunConfig } from './config.ts';
import { CheckpointError } from './errors.ts';
import { type Pipeline, readPipeline, writePipeline } from './pipeline-folder.ts';
import { modelOf } from './parts.ts';

const WEIGHTS = 'unet/diffusion_pytorch_model.safetensors';
const FILES = ['model_index.json', 'unet/config.json', 'scheduler/scheduler_config.json', WEIGHTS];

/** A known input and what the UNet of a folder gives for it (golden/README.md, "Model folders"). */
interface Expectation {
  readonly tolerance: number;
  readonly sample: {
    readonly shape: readonly number[];
    readonly seed: number;
    readonly stream: number;
    readonly lo: number;
    readonly hi: number;
  };
  readonly timesteps: readonly number[];
  readonly classLabels: readonly number[] | null;
  readonly output: { readonly shape: readonly number[]; readonly values: readonly number[] };
}

const recorded = goldenJson<Expectation>('pipelines/tiny-ddpm.json');
const theirs = goldenPath('pipelines/tiny-ddpm');
testDevice();

/** A folder of diffusers may be read by a Python that has it: the one that is named, or the first on the path. */
const python = process.env['IMMISCIBLE_PYTHON'] ?? 'python3';
const finds =
  'import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ("torch", "diffusers")))';
const withoutDiffusers = spawnSync(python, ['-c', finds]).status !== 0;
const needsDiffusers = withoutDiffusers
  ? ' (skipped: no Python with torch and diffusers; name one in IMMISCIBLE_PYTHON)'
  : '';

/** What the pipeline's UNet gives for the recorded sample. */
async function outputOf(
  { model, parameters }: Pipeline,
  { sample, timesteps, classLabels }: Omit<Expectation, 'output'>,
): Promise<Float32Array> {
  const { seed, stream, shape, lo, hi } = sample;
  const u = streamUniform(seed, stream, new Float32Array(shape.reduce((a, b) => a * b, 1)));
  const x = tensor(
    u.map((v) => lo + (hi - lo) * v),
    shape,
  );
  const apply = modelOf({ model });
  const y = apply(parameters, {
    sample: x,
    timestep: floats(timesteps),
    ...(classLabels ? { labels: tensor(Int32Array.from(classLabels), [classLabels.length]) } : {}),
  });
  return (await y.data()) as Float32Array;
}

function filesOf(folder: string): Promise<string[]> {
  return Promise.all(FILES.map(async (file) => `${file} ${digest(await readFile(join(folder, file)))}`));
}

/** A copy of diffusers' folder, to be damaged. */
async function copied(): Promise<string> {
  const folder = await temporaryFolder();
  await cp(theirs, folder, { recursive: true });
  return folder;
}

describe('a folder that diffusers saved', () => {
  it('gives the output that diffusers has for it', async () => {
    const pipeline = await readPipeline(theirs);
    expect(pipeline.scheduler._class_name).toBe('DDPMScheduler');
    const error = relativeError(await outputOf(pipeline, recorded), recorded.output.values);
    expect(error).toBeLessThanOrEqual(recorded.tolerance);
  });

  it('is saved again with the same weights, byte for byte, and the same fields', async () => {
    const folder = await temporaryFolder();
    await writePipeline(folder, await readPipeline(theirs));
    const [before, after] = await Promise.all([theirs, folder].map((f) => readSafetensors(join(f, WEIGHTS))));
    expect(Object.keys(after!.tensors).sort()).toEqual(Object.keys(before!.tensors).sort());
    for (const [name, { data, shape }] of Object.entries(before!.tensors)) {
      expect(after!.tensors[name]!.shape, name).toEqual(shape);
      expect(digest(after!.tensors[name]!.data), name).toBe(digest(data));
    }
    for (const file of FILES.slice(0, 3)) {
      const json = async (root: string): Promise<unknown> =>
        JSON.parse(await readFile(join(root, file), 'utf8')) as unknown;
      expect(await json(folder), file).toMatchObject((await json(theirs)) as object);
    }
  });
});

describe('a folder that we saved', () => {
  const pipelines: [string, RunConfig][] = [
    ['DDIM', tinyRun()],
    [
      'DDPM with v',
      tinyRun({ scheduler: { _class_name: 'DDPMScheduler', prediction_type: 'v_prediction' } }),
    ],
    ['classes, attention, two sizes', tinyRun({ model: { ...richModel, sample_size: [8, 8] } })],
  ];

  it.each(pipelines)('is read back as it was, and saved again byte for byte: %s', async (_, config) => {
    const [first, second] = [await temporaryFolder(), await temporaryFolder()];
    const { model, scheduler } = config;
    const parameters = initUnet2d(model, 5);
    await writePipeline(first, { model, scheduler, parameters });
    const read = await readPipeline(first);
    expect(read.model).toMatchObject(model);
    expect(read.scheduler).toMatchObject(scheduler);
    for (const [name, x] of Object.entries(parameters)) {
      expect(digest(await read.parameters[name]!.data()), name).toBe(digest(await x.data()));
    }
    await writePipeline(second, read);
    expect(await filesOf(second)).toEqual(await filesOf(first));
  });

  it.skipIf(withoutDiffusers)(
    `opens in diffusers, with the output that it has here${needsDiffusers}`,
    { timeout: 300_000 },
    async () => {
      const folder = await temporaryFolder();
      const { model, scheduler } = tinyRun({ model: richModel });
      const pipeline = { model, scheduler, parameters: initUnet2d(model, 5) };
      await writePipeline(folder, pipeline);
      const given = { ...recorded, classLabels: [2, 9] };
      const values = Array.from(await outputOf(pipeline, given));
      const expectation: Expectation = { ...given, output: { shape: recorded.output.shape, values } };
      await writeFile(join(folder, 'expected.json'), JSON.stringify(expectation));
      const { stdout } = await promisify(execFile)(python, [
        goldenPath('check_diffusers.py'),
        folder,
        join(folder, 'expected.json'),
      ]);
      const report = JSON.parse(stdout) as Record<string, unknown>;
      expect(report).toMatchObject({ ok: true, complaints: {} });
      expect(report['scheduler']).toMatchObject({ class: 'DDIMScheduler', num_train_timesteps: 1000 });
      expect(report['error']).toBeLessThanOrEqual(recorded.tolerance);
    },
  );
});

describe('a folder that cannot be opened', () => {
  it('has no config, no scheduler or no weights: the file is named', async () => {
    for (const file of FILES.slice(1)) {
      const folder = await copied();
      await rm(join(folder, file));
      await expect(readPipeline(folder), file).rejects.toThrow(CheckpointError);
      await expect(readPipeline(folder), file).rejects.toThrow(`${join(folder, file)} cannot be read`);
    }
  });

  it('has weights that were cut short', async () => {
    const folder = await copied();
    await truncate(join(folder, WEIGHTS), 1000);
    await expect(readPipeline(folder)).rejects.toThrow(CheckpointError);
    await expect(readPipeline(folder)).rejects.toThrow(WEIGHTS);
  });

  it('has configs that are not JSON, or of something else', async () => {
    const folder = await copied();
    await writeFile(join(folder, 'unet/config.json'), '{"sample_size": 8');
    await expect(readPipeline(folder)).rejects.toThrow(/config\.json is not JSON/);
    await writeFile(join(folder, 'unet/config.json'), '{"_class_name": "UNet1DModel"}');
    await expect(readPipeline(folder)).rejects.toThrow(ModelConfigError);
    const other = await copied();
    await writeFile(join(other, 'scheduler/scheduler_config.json'), '{"_class_name": "PNDMScheduler"}');
    await expect(readPipeline(other)).rejects.toThrow(SchedulerConfigError);
  });

  it('has a weight of the wrong shape, or none, or one too many: it is named', async () => {
    const { tensors } = await readSafetensors(join(theirs, WEIGHTS));
    const name = 'conv_in.weight';
    const { [name]: weight, ...others } = tensors;
    const reshaped = { ...tensors, [name]: { ...weight!, shape: weight!.shape.toReversed() } };
    const cases = [
      [reshaped, `1 of another shape: ${name} (wanted [${weight!.shape.join(', ')}], got [`],
      [others, `1 missing: ${name} [`],
      [{ ...tensors, 'conv_extra.weight': weight! }, '1 unexpected: conv_extra.weight'],
    ] as const;
    for (const [changed, message] of cases) {
      const folder = await temporaryFolder();
      await mkdir(join(folder, 'unet'));
      for (const file of FILES.slice(0, 3)) await cp(join(theirs, file), join(folder, file));
      await writeSafetensors(join(folder, WEIGHTS), changed);
      await expect(readPipeline(folder)).rejects.toThrow(ModelWeightsError);
      await expect(readPipeline(folder)).rejects.toThrow(message);
    }
  });
});
