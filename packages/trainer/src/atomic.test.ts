import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../test/tiny.ts';
import { makeFolderAtomic, removePartials, writeFileAtomic, writeSynced } from './atomic.ts';
import { CheckpointError } from './errors.ts';

/** A device on which every write finds the disk full. */
const FULL = '/dev/full';
const withoutFull = !existsSync(FULL);
const needsFull = withoutFull ? ' (skipped: this system has no /dev/full)' : '';

describe('writeFileAtomic', () => {
  it('replaces a file and leaves nothing else', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'config.json');
    await writeFileAtomic(path, 'old');
    await writeFileAtomic(path, Uint8Array.from([110, 101, 119]));
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['config.json']);
  });

  it.skipIf(withoutFull)(`keeps the old file where the disk is full, and says so${needsFull}`, async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'config.json');
    await writeFile(path, 'old');
    await symlink(FULL, join(folder, '.partial-config.json'));
    const written = writeFileAtomic(path, 'new');
    await expect(written).rejects.toThrow(CheckpointError);
    await expect(written).rejects.toThrow(`${path} could not be written: the disk is full; free some space`);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['config.json']);
  });

  it('names a folder that is not there', async () => {
    const path = join(await temporaryFolder(), 'nowhere', 'config.json');
    await expect(writeFileAtomic(path, 'new')).rejects.toThrow(`${path} could not be written: ENOENT`);
  });
});

describe('makeFolderAtomic', () => {
  it('makes the folder only when everything is in it', async () => {
    const root = await temporaryFolder();
    const path = join(root, 'a', 'step');
    await makeFolderAtomic(path, async (folder) => {
      await mkdir(join(folder, 'inner'));
      await writeSynced(join(folder, 'inner', 'file'), 'content');
      expect(existsSync(path)).toBe(false);
    });
    expect(await readFile(join(path, 'inner', 'file'), 'utf8')).toBe('content');
    expect(await readdir(join(root, 'a'))).toEqual(['step']);
  });

  it('replaces a folder of that name as a whole', async () => {
    const path = join(await temporaryFolder(), 'step');
    await makeFolderAtomic(path, (folder) => writeSynced(join(folder, 'old'), ''));
    await makeFolderAtomic(path, (folder) => writeSynced(join(folder, 'new'), ''));
    expect(await readdir(path)).toEqual(['new']);
  });

  it.skipIf(withoutFull)(
    `leaves the old folder and no partial one where the disk is full${needsFull}`,
    async () => {
      const root = await temporaryFolder();
      const path = join(root, 'step');
      await makeFolderAtomic(path, (folder) => writeSynced(join(folder, 'old'), 'old'));
      const made = makeFolderAtomic(path, async (folder) => {
        await writeSynced(join(folder, 'first'), 'there was room for this');
        await symlink(FULL, join(folder, 'second'));
        await writeSynced(join(folder, 'second'), 'and none for this');
      });
      await expect(made).rejects.toThrow(
        `${path} could not be written: the disk is full; free some space; what was written before is still there`,
      );
      expect(await readdir(root)).toEqual(['step']);
      expect(await readFile(join(path, 'old'), 'utf8')).toBe('old');
    },
  );

  it('says what stands in the way', async () => {
    const root = await temporaryFolder();
    await writeFile(join(root, 'file'), '');
    const made = makeFolderAtomic(join(root, 'file', 'step'), async () => undefined);
    await expect(made).rejects.toThrow(CheckpointError);
    await expect(made).rejects.toThrow('ENOTDIR');
  });
});

describe('removePartials', () => {
  it('removes what was left half-written, and nothing else', async () => {
    const root = await temporaryFolder();
    await mkdir(join(root, '.partial-step-00000004', 'unet'), { recursive: true });
    await writeFile(join(root, '.partial-log.jsonl'), '');
    await mkdir(join(root, 'step-00000002'));
    await removePartials(root);
    expect(await readdir(root)).toEqual(['step-00000002']);
    await removePartials(join(root, 'nowhere'));
  });
});
