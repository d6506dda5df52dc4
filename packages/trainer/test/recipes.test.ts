/** The recipe of a minute, begun for real: points in the plane through data, MLP, both arms, metrics, pictures and report. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDataset } from '@immiscible/datasets';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { compare } from '../src/compare.ts';
import { parseCompareConfig } from '../src/config.ts';
import { recipes } from '../src/recipes/index.ts';
import { temporaryFolder, testDevice } from './tiny.ts';

const opened = testDevice();

describe('toy-2d', () => {
  it('trains on points, measures their values and draws them into the plane', async () => {
    const recipe = recipes['toy-2d'];
    const config = parseCompareConfig({
      ...recipe,
      training: { ...recipe.training, schedule: {}, steps: 40, batchSize: 64 },
      evaluation: {
        ...recipe.evaluation,
        samples: 100,
        samplingSteps: [2, 5],
        pointSamplingSteps: [2],
        points: 1,
      },
    });
    const folder = await temporaryFolder();
    const dataset = await openDataset(config.data);
    const report = await compare(config, { folder, device: opened.device, dataset });
    expect([report.features, report.dataset.shape]).toEqual(['values', [2, 1, 1]]);
    for (const { name, measurements } of report.arms) {
      const { quality } = measurements.at(-1)!;
      expect(Object.keys(quality)).toEqual(['2', '5']);
      for (const { frechet, points } of Object.values(quality)) {
        expect(frechet).toBeGreaterThan(0); // of two moments: even a cloud in the middle comes near
        expect(points!.wasserstein2).toBeGreaterThan(report.pointsFloor!);
        expect(points!.modes).toMatchObject({ of: 8 });
      }
      const png = await readFile(join(folder, name, 'samples/steps-005.png'));
      expect(await sharp(png).metadata()).toMatchObject({ width: 512, height: 512, channels: 1 });
    }
    const real = await sharp(await readFile(join(folder, report.realGrid))).stats();
    expect(real.channels[0]!.min).toBeLessThan(200); // there is ink in it
  });
});
