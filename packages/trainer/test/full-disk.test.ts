/**
 * A disk that has no room for a checkpoint. A limit on the size of files stands in for a full one, because it needs no
 * rights and no disk of its own: the write fails in the same place, half-way through a file of weights.
 */
import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkpointPath, listCheckpoints } from '../src/checkpoint.ts';
import { readPipeline } from '../src/pipeline-folder.ts';
import { readLog } from '../src/run-log.ts';
import { TrainingRun } from '../src/run.ts';
import { trainInChild } from './child.ts';
import { openData, temporaryFolder, testDevice, tinyRun } from './tiny.ts';

/** 64 KiB in blocks of 512 bytes: the weights of the tiny model are four times that, everything else is far less. */
const BLOCKS = 128;
const cannotLimit = spawnSync('sh', ['-c', `ulimit -f ${BLOCKS}`]).status !== 0;
const needsLimit = cannotLimit ? ' (skipped: this system cannot limit the size of files)' : '';
const opened = testDevice();

describe('a disk that is too full for a checkpoint', () => {
  it.skipIf(cannotLimit)(
    `ends the run with one clear error, and the last good checkpoint goes on to the same numbers${needsLimit}`,
    { timeout: 120_000 },
    async () => {
      const config = tinyRun({
        training: { steps: 4 },
        logging: { every: 1, checkpointEvery: 2 },
      });
      const options = { device: opened.device, dataset: await openData(config) };
      const finish = async (run: TrainingRun): Promise<number[]> => {
        const losses: number[] = [];
        while (!run.finished) losses.push((await run.step()).numbers[0]!.loss);
        await run.close();
        return losses;
      };
      const expected = await finish(
        await TrainingRun.create(config, { ...options, folder: await temporaryFolder() }),
      );

      const folder = await temporaryFolder();
      const run = await TrainingRun.create(config, { ...options, folder });
      while (run.progress.step < 2) await run.step();
      await run.close();
      const good = await readFile(join(checkpointPath(folder, 2), 'trainer/state.json'), 'utf8');

      const { lines, code, stderr } = await trainInChild(folder, config, { fileBlocks: BLOCKS });
      expect(code, stderr).toBe(1);
      expect(lines).toHaveLength(2);
      expect(lines[0]).toEqual({ step: 3, loss: expected[2] });
      const path = checkpointPath(folder, 4);
      expect(lines[1]).toEqual({
        name: 'CheckpointError',
        message: `${path} could not be written: the file is larger than the system allows here; raise the limit; what was written before is still there`,
      });

      expect(await listCheckpoints(folder)).toEqual([2]);
      expect(await readdir(join(folder, 'checkpoints')), 'no partial folder').toEqual(['step-00000002']);
      expect(await readFile(join(checkpointPath(folder, 2), 'trainer/state.json'), 'utf8')).toBe(good);
      expect((await readPipeline(checkpointPath(folder, 2))).model).toMatchObject(config.model);

      const resumed = await TrainingRun.resume({ ...options, folder });
      expect(resumed.progress.step).toBe(2);
      expect(await finish(resumed)).toEqual(expected.slice(2));
      expect(await listCheckpoints(folder)).toEqual([2, 4]);
      expect((await readLog(folder)).map(({ loss }) => loss)).toEqual(expected);
    },
  );
});
