import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LPIPS_SHAPES, MetricError } from '@immiscible/metrics-fid';
import { streamNormal, streamUniform } from '@immiscible/random';
import {
  type StoredTensor,
  tensor,
  type Tensor,
  valueAndGrad,
  writeSafetensors,
} from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { openData, temporaryFolder, testDevice, tinyRun } from '../../test/tiny.ts';
import { TrainingRun } from '../run.ts';
import { distanceOf, pseudoHuber } from './distance.ts';

const opened = testDevice();
const SHAPE = [3, 2, 2, 2];

function images(stream: number, scale = 1): Tensor {
  return tensor(
    streamNormal(9, stream, new Float32Array(24)).map((value) => scale * value),
    SHAPE,
  );
}

/** ‖a − b‖² of every sample, in float64. */
async function squared(a: Tensor, b: Tensor): Promise<number[]> {
  const [x, y] = [await a.data(), await b.data()];
  return [0, 8, 16].map((from) => {
    let sum = 0;
    for (let e = from; e < from + 8; e++) sum += (x[e]! - y[e]!) ** 2;
    return sum;
  });
}

describe('distances', () => {
  it('l2 is the mean squared difference of each sample', async () => {
    const [a, b] = [images(0), images(1)];
    const found = await distanceOf({ kind: 'l2' }).between(a, b, {}).data();
    (await squared(a, b)).forEach((value, i) => expect(found[i]! / (value / 8)).toBeCloseTo(1, 6));
  });

  it('pseudo-Huber is √(‖a − b‖² + c²) − c, with c from the size of the images where none is given', async () => {
    const [a, b] = [images(0, 0.01), images(1, 0.01)];
    for (const [config, c] of [
      [{ kind: 'pseudo-huber', c: 0.03 }, 0.03],
      [{ kind: 'pseudo-huber' }, 0.00054 * Math.sqrt(8)],
    ] as const) {
      const found = await distanceOf(config).between(a, b, {}).data();
      (await squared(a, b)).forEach((value, i) =>
        expect(found[i]! / (Math.sqrt(value + c ** 2) - c)).toBeCloseTo(1, 5),
      );
    }
  });

  it('pseudo-Huber keeps its digits where images are nearly the same, and has a gradient of 0 where they are', async () => {
    const a = images(0, 1e-5);
    const zero = images(0, 0);
    const found = await pseudoHuber(a, zero, 0.03).data();
    // √(s + c²) − c = s / 2c to the first order
    (await squared(a, zero)).forEach((value, i) => expect(found[i]! / (value / 0.06)).toBeCloseTo(1, 5));
    const { gradients } = valueAndGrad((x: Tensor) => pseudoHuber(x, zero, 0.03).sum())(zero);
    expect(new Set(await gradients.data())).toEqual(new Set([0]));
  });
});

describe('LPIPS as the distance of a run', () => {
  it('takes weights from files that the config names, held against their hashes', async () => {
    const folder = await temporaryFolder();
    const random = Object.entries(LPIPS_SHAPES).map(([name, shape], stream): [string, StoredTensor] => {
      const size = shape.reduce((product, extent) => product * extent, 1);
      const fan = shape.slice(1).reduce((product, extent) => product * extent, 1);
      // A pattern that repeats is random enough, and made in no time.
      const pattern = streamUniform(3, stream, new Float32Array(Math.min(size, 4099)));
      const isHead = name.startsWith('lin');
      const data = Float32Array.from({ length: size }, (_, i) => {
        const u = pattern[i % pattern.length]!;
        return isHead ? u : (2 * u - 1) * Math.sqrt(6 / fan);
      });
      return [name, { shape, dtype: 'float32', data }];
    });
    const paths = {
      backbone: join(folder, 'backbone.safetensors'),
      heads: join(folder, 'heads.safetensors'),
    };
    const isHead = ([name]: [string, StoredTensor]): boolean => name.startsWith('lin');
    await writeSafetensors(paths.heads, Object.fromEntries(random.filter(isHead)));
    await writeSafetensors(paths.backbone, Object.fromEntries(random.filter((entry) => !isHead(entry))));
    const hashOf = async (path: string): Promise<string> =>
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
    const sha256 = { backbone: await hashOf(paths.backbone), heads: await hashOf(paths.heads) };

    const configWith = (hashes: object) =>
      tinyRun({
        scheduler: { _class_name: 'CMStochasticIterativeScheduler' },
        objective: {
          kind: 'consistency-training',
          distance: { kind: 'lpips', ...paths, sha256: hashes, resize: 16 },
        },
        training: { steps: 2, batchSize: 4 },
      });
    const config = configWith(sha256);
    const options = { device: opened.device, dataset: await openData(config) };
    const run = await TrainingRun.create(config, { ...options, folder: join(folder, 'run') });
    const [first] = (await run.step()).numbers;
    expect(first!.loss).toBeGreaterThan(0);
    expect(first!.gradientNorm).toBeGreaterThan(0);
    const parameters = run.parameterCount;
    await run.step();
    await run.close();
    expect(parameters, 'the weights of LPIPS are not trained').toBeLessThan(100_000);

    const other = await TrainingRun.create(configWith({ ...sha256, heads: sha256.backbone }), {
      ...options,
      folder: join(folder, 'other'),
    });
    await expect(other.step()).rejects.toThrow(MetricError);
    await other.close();
  });
});
