/**
 * A training run in a process of its own, for tests that kill it or take its disk away:
 *
 *     node --conditions=@immiscible/source --import tsx train.ts FOLDER CONFIG.json
 *
 * Prints one line of JSON a step; on an error, its name and message, and exits with 1.
 */
import { readFile } from 'node:fs/promises';
import { openDataset } from '@immiscible/datasets';
import { openDevice } from '@immiscible/tensor-core';
import { parseRunConfig } from '../../src/config.ts';
import { TrainingRun } from '../../src/run.ts';

async function main([folder, file]: readonly (string | undefined)[]): Promise<void> {
  if (folder === undefined || file === undefined) throw new Error('wants FOLDER CONFIG.json');
  const config = parseRunConfig(JSON.parse(await readFile(file, 'utf8')));
  const device = await openDevice('cpu', { threads: 1 });
  const dataset = await openDataset(config.data);
  const run = await TrainingRun.open(config, { folder, device, dataset });
  while (!run.finished) {
    for (const { step, loss } of (await run.step()).numbers) {
      process.stdout.write(`${JSON.stringify({ step, loss })}\n`);
    }
  }
  await run.close();
  await device.dispose();
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const { name, message } = error as Error;
  process.stdout.write(`${JSON.stringify({ name, message })}\n`);
  process.exitCode = 1;
});
