import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  applyModel,
  initModel,
  ModelConfigError,
  ModelWeightsError,
  parseModelConfig,
} from '@immiscible/models';
import { streamUniform } from '@immiscible/random';
import { parseSchedulerConfig, SchedulerConfigError, type SchedulerName } from '@immiscible/schedulers';
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
  tinyModel,
} from '../test/tiny.ts';
import { CheckpointError } from './errors.ts';
import { type Pipeline, readPipeline, writePipeline } from './pipeline-folder.ts';
import { createSampler } from './sample.ts';

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

/** Images that diffusers' pipeline makes from the noise of some seeds. */
interface SampleRequest {
  readonly seeds: readonly number[];
  readonly steps: number;
  readonly labels?: readonly number[];
}

type Recorded = Expectation & { readonly samples: readonly (SampleRequest & { images: number[] })[] };

const folders = ['tiny-ddpm', 'class-conditional-cm'].map(
  (name) => [name, goldenPath(`pipelines/${name}`), goldenJson<Recorded>(`pipelines/${name}.json`)] as const,
);
const [, theirs, recorded] = folders[0]!;
const opened = testDevice();

/** A folder of diffusers may be read by a Python that has it: the one that is named, or the first on the path. */
const python = process.env['IMMISCIBLE_PYTHON'] ?? 'python3';
const finds =
  'import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ("torch", "diffusers")))';
const withoutDiffusers = spawnSync(python, ['-c', finds]).status !== 0;
const needsDiffusers = withoutDiffusers
  ? ' (skipped: no Python with torch and diffusers; name one in IMMISCIBLE_PYTHON)'
  : '';

/** What a script of golden/ prints. */
async function inDiffusers(script: string, ...given: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await promisify(execFile)(python, [goldenPath(script), ...given]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

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
  const y = applyModel(model, parameters, {
    sample: x,
    timestep: floats(timesteps),
    ...(classLabels ? { classLabels: tensor(Int32Array.from(classLabels), [classLabels.length]) } : {}),
  });
  return (await y.data()) as Float32Array;
}

/** The images that we make with the folder's own sampler, clipped as a pipeline's are. */
async function imagesOf(
  { model, scheduler, parameters }: Pipeline,
  request: SampleRequest,
): Promise<Float32Array> {
  const sampler = createSampler(opened.device, { model, scheduler, batchSize: request.seeds.length });
  const images = await sampler.sample(parameters, request);
  await sampler.dispose();
  return images.map((value) => Math.min(1, Math.max(-1, value)));
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

describe.each(folders)('a folder that diffusers saved: %s', (_, folder, expected) => {
  it('gives the output that diffusers has for it', async () => {
    const error = relativeError(await outputOf(await readPipeline(folder), expected), expected.output.values);
    expect(error).toBeLessThanOrEqual(expected.tolerance);
  });

  it.each(expected.samples.map((sample) => [sample.steps, sample] as const))(
    'makes the images that its pipeline makes of the same noise in %d steps',
    async (steps, { images, ...request }) => {
      expect(request.steps).toBe(steps);
      expect(relativeError(await imagesOf(await readPipeline(folder), request), images)).toBeLessThan(
        expected.tolerance,
      );
    },
  );

  it('is saved again with the same weights, byte for byte, and the same fields', async () => {
    const own = await temporaryFolder();
    await writePipeline(own, await readPipeline(folder));
    const [before, after] = await Promise.all([folder, own].map((f) => readSafetensors(join(f, WEIGHTS))));
    expect(Object.keys(after!.tensors).sort()).toEqual(Object.keys(before!.tensors).sort());
    for (const [name, { data, shape }] of Object.entries(before!.tensors)) {
      expect(after!.tensors[name]!.shape, name).toEqual(shape);
      expect(digest(after!.tensors[name]!.data), name).toBe(digest(data));
    }
    for (const file of FILES.slice(0, 3)) {
      const json = async (root: string): Promise<unknown> =>
        JSON.parse(await readFile(join(root, file), 'utf8')) as unknown;
      expect(await json(own), file).toMatchObject((await json(folder)) as object);
    }
  });
});

it('a scheduler of diffusers whose file holds infinite numbers is read', async () => {
  const folder = await copied();
  const written = '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity}';
  await writeFile(join(folder, 'scheduler/scheduler_config.json'), written);
  expect((await readPipeline(folder)).scheduler).toMatchObject({ lambda_min_clipped: null });
});

/** A pipeline of ours; `fields` of its scheduler. */
function pipelineOf(model: object, name: SchedulerName, fields: object = {}): Pipeline {
  const config = parseModelConfig({ ...tinyModel, ...model });
  const scheduler = parseSchedulerConfig({ _class_name: name, ...fields });
  return { model: config, scheduler, parameters: initModel(config, 5) };
}

describe('a folder that we saved', () => {
  const ncsnpp = {
    _class_name: 'NCSNpp',
    model_channels: 8,
    channel_mult: [1, 2],
    num_blocks: 1,
    attn_resolutions: [4],
    embedding_type: 'fourier',
    encoder_type: 'residual',
    resample_filter: [1, 3, 3, 1],
    time_scale: 0.001,
  };
  const mlp = { _class_name: 'MLP', hidden_channels: [8], time_embedding_dim: 8 };
  const pipelines: [string, Pipeline, string, string][] = [
    ['DDIM', pipelineOf({}, 'DDIMScheduler'), 'DDIMPipeline', 'diffusers'],
    [
      'DDPM with v',
      pipelineOf({}, 'DDPMScheduler', { prediction_type: 'v_prediction' }),
      'DDPMPipeline',
      'diffusers',
    ],
    [
      'classes, attention, two sizes',
      pipelineOf({ ...richModel, sample_size: [8, 8] }, 'DDIMScheduler'),
      'DDIMPipeline',
      'diffusers',
    ],
    ['PNDM', pipelineOf({}, 'PNDMScheduler'), 'PNDMPipeline', 'diffusers'],
    [
      'consistency',
      pipelineOf(richModel, 'CMStochasticIterativeScheduler'),
      'ConsistencyModelPipeline',
      'diffusers',
    ],
    [
      'DPM-Solver++',
      pipelineOf({}, 'DPMSolverMultistepScheduler', { use_karras_sigmas: true }),
      'ImmisciblePipeline',
      'diffusers',
    ],
    ['EDM', pipelineOf({}, 'EDMHeunScheduler', { S_churn: 40 }), 'ImmisciblePipeline', 'diffusers'],
    [
      'NCSN++ for consistency',
      pipelineOf(ncsnpp, 'CMStochasticIterativeScheduler'),
      'ImmisciblePipeline',
      'immiscible',
    ],
    ['points', pipelineOf(mlp, 'FlowMatchEulerDiscreteScheduler'), 'ImmisciblePipeline', 'immiscible'],
    ['points, DDPM', pipelineOf(mlp, 'DDPMScheduler'), 'ImmisciblePipeline', 'immiscible'],
  ];

  it.each(pipelines)(
    'is read back as it was, and saved again byte for byte: %s',
    async (_, pipeline, pipelineClass, library) => {
      const [first, second] = [await temporaryFolder(), await temporaryFolder()];
      const { model, scheduler, parameters } = pipeline;
      await writePipeline(first, pipeline);
      const index = JSON.parse(await readFile(join(first, 'model_index.json'), 'utf8')) as object;
      expect(index).toMatchObject({
        _class_name: pipelineClass,
        unet: [library, model._class_name],
        scheduler: [
          scheduler._class_name === 'EDMHeunScheduler' ? 'immiscible' : 'diffusers',
          scheduler._class_name,
        ],
      });
      const read = await readPipeline(first);
      expect(read.model).toMatchObject(model);
      expect(read.scheduler).toMatchObject(scheduler);
      for (const [name, x] of Object.entries(parameters)) {
        expect(digest(await read.parameters[name]!.data()), name).toBe(digest(await x.data()));
      }
      await writePipeline(second, read);
      expect(await filesOf(second)).toEqual(await filesOf(first));
    },
  );

  it.skipIf(withoutDiffusers)(
    `opens in diffusers, with the output that it has here${needsDiffusers}`,
    { timeout: 300_000 },
    async () => {
      const folder = await temporaryFolder();
      const pipeline = pipelineOf(richModel, 'DDIMScheduler');
      await writePipeline(folder, pipeline);
      const { tolerance, sample, timesteps, output } = recorded;
      const given = { tolerance, sample, timesteps, classLabels: [2, 9] };
      const values = Array.from(await outputOf(pipeline, given));
      const expectation: Expectation = { ...given, output: { shape: output.shape, values } };
      await writeFile(join(folder, 'expected.json'), JSON.stringify(expectation));
      const report = await inDiffusers('check_diffusers.py', folder, join(folder, 'expected.json'));
      expect(report).toMatchObject({ ok: true, complaints: {} });
      expect(report['scheduler']).toMatchObject({ class: 'DDIMScheduler', num_train_timesteps: 1000 });
      expect(report['error']).toBeLessThanOrEqual(tolerance);
    },
  );

  it.skipIf(withoutDiffusers).each([
    ['DDPMPipeline', pipelineOf({}, 'DDPMScheduler'), { seeds: [3, 8], steps: 4 }],
    ['DDIMPipeline', pipelineOf({}, 'DDIMScheduler'), { seeds: [3, 8], steps: 4 }],
    ['PNDMPipeline', pipelineOf({}, 'PNDMScheduler'), { seeds: [3, 8], steps: 6 }],
    ['ConsistencyModelPipeline', pipelineOf({}, 'CMStochasticIterativeScheduler'), { seeds: [3], steps: 1 }],
    [
      'ConsistencyModelPipeline',
      pipelineOf(richModel, 'CMStochasticIterativeScheduler'),
      { seeds: [3, 8], steps: 3, labels: [2, 9] },
    ],
  ])(
    `makes the images that it makes here, in the pipeline that it names${needsDiffusers}: %s`,
    { timeout: 300_000 },
    async (name, pipeline, request) => {
      const folder = await temporaryFolder();
      await writePipeline(folder, pipeline);
      const made = await inDiffusers('sample_diffusers.py', folder, JSON.stringify(request));
      expect([made['pipeline'], made['scheduler']]).toEqual([name, pipeline.scheduler._class_name]);
      const error = relativeError(await imagesOf(pipeline, request), made['images'] as number[]);
      expect(error).toBeLessThan(recorded.tolerance);
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
    await writeFile(join(other, 'scheduler/scheduler_config.json'), '{"_class_name": "KarrasVeScheduler"}');
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
