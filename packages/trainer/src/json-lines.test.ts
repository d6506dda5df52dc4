import { appendFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../test/tiny.ts';
import { CheckpointError } from './errors.ts';
import { appendJsonLine, keepJsonLines, readJsonLines } from './json-lines.ts';

const withoutFull = !existsSync('/dev/full');
const needsFull = withoutFull ? ' (skipped: this system has no /dev/full)' : '';

async function fileOf(...steps: number[]): Promise<string> {
  const path = join(await temporaryFolder(), 'log.jsonl');
  for (const step of steps) await appendJsonLine(path, { step });
  return path;
}

describe('lines of JSON', () => {
  it('come back as they were appended', async () => {
    const path = await fileOf(1, 2);
    expect(await readJsonLines(path)).toEqual([{ step: 1 }, { step: 2 }]);
    expect(await readFile(path, 'utf8')).toBe('{"step":1}\n{"step":2}\n');
  });

  it('are none where there is no file', async () => {
    expect(await readJsonLines(join(await temporaryFolder(), 'log.jsonl'))).toEqual([]);
  });

  it('do not count one that was never finished, and go on after it once it is dropped', async () => {
    const path = await fileOf(1, 2);
    await appendFile(path, '{"step":3,"lo');
    expect(await readJsonLines(path)).toEqual([{ step: 1 }, { step: 2 }]);
    await keepJsonLines(path, () => true);
    await appendJsonLine(path, { step: 3 });
    expect(await readJsonLines(path)).toEqual([{ step: 1 }, { step: 2 }, { step: 3 }]);
  });

  it('are cut back to those that are wanted', async () => {
    const path = await fileOf(2, 4, 6, 8);
    await keepJsonLines<{ step: number }>(path, ({ step }) => step <= 5);
    expect(await readJsonLines(path)).toEqual([{ step: 2 }, { step: 4 }]);
  });

  it('are named where one is damaged', async () => {
    const path = await fileOf(1);
    await writeFile(path, '{"step":1}\nstep 2\n{"step":3}\n');
    await expect(readJsonLines(path)).rejects.toThrow(CheckpointError);
    await expect(readJsonLines(path)).rejects.toThrow(
      `${path} is damaged: line 2 is not JSON; remove that line`,
    );
  });

  it('are not silently none where the file cannot be read', async () => {
    const path = join(await temporaryFolder(), 'log.jsonl');
    await mkdir(path);
    await expect(readJsonLines(path)).rejects.toThrow(/log\.jsonl cannot be read: EISDIR/);
  });

  it.skipIf(withoutFull)(`say so where the disk is full${needsFull}`, async () => {
    const path = join(await temporaryFolder(), 'log.jsonl');
    await symlink('/dev/full', path);
    await expect(appendJsonLine(path, { step: 1 })).rejects.toThrow(
      `${path} could not be written: the disk is full; free some space`,
    );
  });
});
