import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TooFewImagesError } from '@immiscible/datasets';
import { expect, it, onTestFinished } from 'vitest';
import { runDataBench } from './data.ts';

it('measures each set and counts what it measured', async () => {
  const report = await runDataBench({ batchSize: 16, batches: 5, generated: 64 });
  expect(report.rows.map(({ set, shape, images }) => [set, shape, images])).toEqual([
    ['fashion-mnist train 28x28', '[1, 28, 28]', 60_000],
    ['fashion-mnist train 16x16', '[1, 16, 16]', 60_000],
    ['generated, in the shape of cifar-10', '[3, 32, 32]', 64],
  ]);
  for (const row of report.rows) {
    expect([row.batchSize, row.batches]).toEqual([16, 5]);
    expect(row.medianMs).toBeGreaterThan(0);
    expect(row.p95Ms).toBeGreaterThanOrEqual(row.medianMs);
    expect(row.maxMs).toBeGreaterThanOrEqual(row.p95Ms);
    expect(row.imagesPerSecond).toBeCloseTo(16_000 / row.medianMs, 6);
  }
});

it('says so when a path is not what it should be', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'immiscible-bench-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await expect(runDataBench({ cifar10: folder, batches: 1 })).rejects.toThrow(/openCifar10: .*empty folder/);
  await writeFile(join(folder, 'a.png'), 'not decoded before it is read');
  const small = runDataBench({ imageFolder: folder, batches: 1, generated: 128 });
  await expect(small).rejects.toThrow(TooFewImagesError);
});
