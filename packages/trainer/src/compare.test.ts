import { appendFile, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { countParameters, modelParameters } from '@immiscible/models';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  digest,
  openData,
  type Overrides,
  sharedFolder,
  temporaryFolder,
  testDevice,
  tinyComparison,
} from '../test/tiny.ts';
import { listCheckpoints } from './checkpoint.ts';
import {
  type ArmReport,
  compare,
  type CompareEvent,
  type CompareOptions,
  type CompareReport,
  isComparison,
  milestones,
  readCompareConfig,
} from './compare.ts';
import { CheckpointError, ConfigError } from './errors.ts';

const STEPS = 6;
const opened = testDevice();
const config = tinyComparison({
  name: 'tiny-comparison',
  training: { steps: STEPS, schedule: { warmupSteps: 1 } },
  logging: { every: 4, checkpointEvery: 2 },
  evaluation: { samplingSteps: [1, 2], pointSamplingSteps: [2] },
  arms: [
    { name: 'vanilla', assignment: { method: 'identity' } },
    { name: 'vanilla-again', assignment: { method: 'identity' } },
    { name: 'immiscible', assignment: { method: 'linear' } },
  ],
});

async function run(
  folder: string,
  options: Partial<CompareOptions> = {},
  of = config,
): Promise<CompareReport> {
  return compare(of, { folder, device: opened.device, dataset: await openData(of), ...options });
}

/** An arm without what the clock decides. */
function lasting(arm: ArmReport): ArmReport {
  expect(arm.secondsPerStep).toBeGreaterThan(0);
  expect(arm.trainingSeconds).toBeGreaterThan(0);
  return { ...arm, secondsPerStep: 0, trainingSeconds: 0 };
}

/** The files of a folder that `wanted` takes, each with a digest. */
async function filesOf(folder: string, wanted: (path: string) => boolean): Promise<string[]> {
  const files: string[] = [];
  for (const path of (await readdir(folder, { recursive: true })).sort()) {
    if (!wanted(path) || !(await stat(join(folder, path))).isFile()) continue;
    files.push(`${path} ${digest(await readFile(join(folder, path)))}`);
  }
  return files;
}

const isTimeless = (path: string): boolean => !/(time|report)\.json$/.test(path);
/** What training and sampling made: checkpoints on the way are where a run was stopped, logs and states have times. */
const isResult = (path: string): boolean =>
  /step-00000006.*safetensors$|measurements\.jsonl$|\.png$/.test(path);

describe('compare', () => {
  const shared = sharedFolder();
  const events: CompareEvent[] = [];
  let report: CompareReport;
  beforeAll(async () => {
    report = await run(shared.path, { onEvent: (event) => events.push(event) });
  });
  const arm = (name: string): ArmReport => report.arms.find((a) => a.name === name)!;

  it('writes report.json with everything that makes a result one that can be had again', async () => {
    const written = JSON.parse(await readFile(join(shared.path, 'report.json'), 'utf8')) as unknown;
    expect(written).toEqual(JSON.parse(JSON.stringify(report)));
    expect(report).toMatchObject({
      name: 'tiny-comparison',
      seed: config.seed,
      features: 'pixels-8x8',
      parameters: countParameters(modelParameters(config.model)),
      dataset: { images: 10_000, shape: [1, 8, 8] },
      node: process.versions.node,
      config,
    });
    expect(report.device).toMatch(/^cpu: ONNX Runtime/);
    expect(report.versions['@immiscible/trainer']).toMatch(/^\d+\.\d+\.\d+/);
    expect(report.floor.mean).toBeGreaterThan(0);
    expect(report.seconds).toBeGreaterThan(0);
    expect(report.peakMemoryBytes).toBeGreaterThan(2 ** 20);
  });

  it('reports every arm: images, loss curve, distances, quality by sampling steps, time a step', () => {
    expect(report.arms.map(({ name }) => name)).toEqual(['vanilla', 'vanilla-again', 'immiscible']);
    for (const {
      steps,
      images,
      loss,
      frechet,
      precision,
      recall,
      measurements,
      grids,
      ...rest
    } of report.arms) {
      expect({ steps, images }).toEqual({ steps: STEPS, images: STEPS * 16 });
      expect(loss.map((point) => point.images)).toEqual([64, 96]);
      expect(loss.every((point) => point.loss > 0 && point.loss < 3)).toBe(true);
      for (const values of [frechet, precision, recall, grids])
        expect(Object.keys(values)).toEqual(['1', '2']);
      expect(Object.values(frechet).every((value) => value > report.floor.mean)).toBe(true);
      for (const share of [...Object.values(precision), ...Object.values(recall)]) {
        expect(share >= 0 && share <= 1).toBe(true);
      }
      expect(measurements.map(({ step, quality }) => [step, Object.keys(quality)])).toEqual([
        [3, ['2']],
        [6, ['1', '2']],
      ]);
      expect(measurements.at(-1)!.quality['2']!.frechet).toBe(frechet['2']);
      expect(rest.secondsPerStep).toBeGreaterThan(0);
    }
  });

  it('cuts distances in the immiscible arm alone', () => {
    expect(arm('vanilla').distanceReduction).toBe(0);
    const changes = events.flatMap((event) =>
      event.type === 'step' && event.arm === 'immiscible' ? [event.report.distanceChange] : [],
    );
    const mean = changes.reduce((a, b) => a + b, 0) / STEPS;
    expect(mean).toBeLessThan(-0.005);
    expect(arm('immiscible').distanceReduction).toBeCloseTo(-mean, 12);
  });

  it('gives arms with one assignment one result, and another assignment another: nothing else differs', () => {
    const [vanilla, again] = [lasting(arm('vanilla')), lasting(arm('vanilla-again'))];
    const { name, grids } = vanilla;
    expect({ ...again, name, grids }).toEqual(vanilla);
    expect(arm('immiscible').loss).not.toEqual(vanilla.loss);
    expect(arm('immiscible').frechet).not.toEqual(vanilla.frechet);
  });

  it('shows grids of samples from the same seeds, and of real images', async () => {
    const paths = [report.realGrid, ...report.arms.flatMap(({ grids }) => Object.values(grids))];
    expect(paths).toHaveLength(7);
    for (const path of paths) {
      const { format, width, height } = await sharp(join(shared.path, path)).metadata();
      // 2 × 2 images of 8 pixels, a line between them, 5 times as large
      expect({ format, width, height }, path).toEqual({ format: 'png', width: 85, height: 85 });
    }
    const [a, b] = await Promise.all(
      ['vanilla', 'vanilla-again'].map((name) => readFile(join(shared.path, arm(name).grids['2']!))),
    );
    expect(digest(a!)).toBe(digest(b!));
  });

  it('tells of every phase, step, sampling step and measurement', () => {
    const of = (type: CompareEvent['type']): CompareEvent[] => events.filter((event) => event.type === type);
    expect(of('step')).toHaveLength(3 * STEPS);
    expect(of('measurement')).toHaveLength(6);
    const sampling = of('sampling').filter((event) => 'samplingSteps' in event && event.samplingSteps === 2);
    expect(sampling).toHaveLength(3 * 2 * 2);
    expect(of('phase')[0]).toEqual({ type: 'phase', text: 'measuring real images' });
    expect(of('phase')).toContainEqual({ type: 'phase', text: 'training immiscible' });
  });

  it('changes nothing when it is run again on the finished folder', async () => {
    const before = await filesOf(shared.path, isTimeless);
    const again = await run(shared.path);
    expect(await filesOf(shared.path, isTimeless)).toEqual(before);
    expect(again.arms).toEqual(report.arms);
    const { seconds, peakMemoryBytes } = report;
    expect({ ...again, seconds, peakMemoryBytes }).toEqual(report);
  });

  it('is recognised by its folder, which has its config', async () => {
    expect(await isComparison(shared.path)).toBe(true);
    expect(await readCompareConfig(shared.path)).toEqual(config);
    const empty = await temporaryFolder();
    expect(await isComparison(empty)).toBe(false);
    await expect(readCompareConfig(empty)).rejects.toThrow(CheckpointError);
  });

  it('does not go on under another config, and leaves the folder as it is', async () => {
    const before = await filesOf(shared.path, () => true);
    const other = { ...config, seed: config.seed + 1 };
    await expect(run(shared.path, {}, other)).rejects.toThrow(ConfigError);
    await expect(run(shared.path, {}, other)).rejects.toThrow('(seed: was 7, is 8)');
    expect(await filesOf(shared.path, () => true)).toEqual(before);
  });

  it('writes nothing for a model that does not take the images', async () => {
    const folder = await temporaryFolder();
    const large = tinyComparison({ model: { sample_size: 16 } });
    await expect(run(folder, {}, large)).rejects.toThrow(ConfigError);
    expect(await readdir(folder)).toEqual([]);
  });

  const moments: [string, (event: CompareEvent) => boolean][] = [
    ['before its first step', (event) => event.type === 'phase'],
    ['in its second arm', (e) => e.type === 'step' && e.arm === 'vanilla-again' && e.report.step === 5],
    ['in the middle of sampling', (event) => event.type === 'sampling' && event.arm === 'vanilla-again'],
  ];

  it.each(moments)(
    'stopped %s, rejects with the reason and goes on to the same report',
    async (_, isMoment) => {
      const folder = await temporaryFolder();
      const stop = new AbortController();
      const reason = new Error('stopped by hand');
      const done: Record<string, number> = { vanilla: 0, 'vanilla-again': 0, immiscible: 0 };
      const onEvent = (event: CompareEvent): void => {
        if (event.type === 'step') done[event.arm] = event.report.step;
        if (isMoment(event)) stop.abort(reason);
      };
      await expect(run(folder, { signal: stop.signal, onEvent })).rejects.toBe(reason);
      for (const [name, step] of Object.entries(done)) {
        expect((await listCheckpoints(join(folder, name))).at(-1), `no step of ${name} is lost`).toBe(step);
      }
      const resumed = await run(folder);
      expect(resumed.arms.map(lasting)).toEqual(report.arms.map(lasting));
      const results = await filesOf(shared.path, isResult);
      expect(results).toHaveLength(3 * 4 + 3 + 7);
      expect(await filesOf(folder, isResult)).toEqual(results);
    },
  );

  it('goes on after a kill in the middle of writing down a measurement', async () => {
    const folder = await temporaryFolder();
    const stop = new AbortController();
    const onEvent = (event: CompareEvent): void => {
      if (event.type === 'measurement') stop.abort();
    };
    await expect(run(folder, { signal: stop.signal, onEvent })).rejects.toThrow();
    await appendFile(join(folder, 'vanilla', 'measurements.jsonl'), '{"step":6,"ima');
    expect((await run(folder)).arms.map(lasting)).toEqual(report.arms.map(lasting));
  });

  it('leaves neither states nor images on the device', async () => {
    const before = opened.device.liveBuffers();
    await run(await temporaryFolder(), {}, short());
    // A frequency table of each program outlasts it; a state would be 270 kB, a batch of images 4 kB.
    expect(opened.device.liveBuffers().bytes - before.bytes).toBeLessThan(1000);
  });
});

function short(overrides: Overrides = {}) {
  return tinyComparison({
    training: { steps: 1 },
    evaluation: { samplingSteps: [1], points: 1 },
    ...overrides,
  });
}

describe('compare with classes', () => {
  it('samples every class in turn', async () => {
    const { arms } = await run(await temporaryFolder(), {}, short({ model: { num_class_embeds: 10 } }));
    expect(arms.map(({ frechet }) => Object.keys(frechet))).toEqual([['1'], ['1']]);
  });
});

describe('milestones', () => {
  it.each([
    [900, 4, [225, 450, 675, 900]],
    [10, 3, [3, 7, 10]],
    [5, 1, [5]],
    [2, 4, [1, 2]],
  ])('of %i steps at %i points', (steps, points, expected) => {
    expect(milestones(steps, points)).toEqual(expected);
  });

  it('rise to the last step, evenly, and are no more than asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 50 }), (steps, points) => {
        const all = milestones(steps, points);
        expect(all.at(-1)).toBe(steps);
        expect(all.length).toBe(Math.min(points, steps));
        const gaps = all.map((step, i) => step - (all[i - 1] ?? 0));
        expect(Math.min(...gaps)).toBeGreaterThan(0);
        expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
