import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../test/cli.ts';
import {
  FolderInUseError,
  type FolderState,
  nextName,
  resumeFolder,
  stateOf,
  withLock,
  withLockInTurn,
} from './run-folder.ts';

it('tells what a folder holds', async () => {
  const out = await temporaryFolder();
  const has = (name: string) => async (folder: string) =>
    (await readdir(folder).catch((): string[] => [])).includes(name);
  const state = (name: string): Promise<FolderState> => stateOf(join(out, name), has('run'), has('done'));
  const make = async (name: string, files: readonly string[]): Promise<void> => {
    await mkdir(join(out, name));
    for (const file of files) await writeFile(join(out, name, file), '');
  };
  await make('empty', []);
  await make('begun', ['run']);
  await make('whole', ['run', 'done']);
  await make('other', ['holiday.jpg']);
  await writeFile(join(out, 'file'), '');
  expect(await Promise.all(['absent', 'empty', 'begun', 'whole', 'other'].map(state))).toEqual([
    'free',
    'free',
    'unfinished',
    'finished',
    'foreign',
  ]);
  await expect(state('file')).rejects.toThrow(/is a file; give the run another name/);
});

it('takes the first name that is free or unfinished', async () => {
  const states: Record<string, FolderState> = {
    demo: 'finished',
    'demo-2': 'foreign',
    'demo-3': 'unfinished',
  };
  const next = (name: string): Promise<string> => nextName(name, async (n) => states[n] ?? 'free');
  expect(await next('demo')).toBe('demo-3');
  expect(await next('other')).toBe('other');
});

it('resumes a folder that is there, else a name among the runs', async () => {
  const out = await temporaryFolder();
  await mkdir(join(out, 'demo'));
  expect(await resumeFolder(join(out, 'demo'), 'runs')).toBe(join(out, 'demo'));
  expect(await resumeFolder('no-such-run', out)).toBe(join(out, 'no-such-run'));
});

it('lets one process at a time into a folder', async () => {
  const folder = await temporaryFolder();
  const lock = join(folder, '.running');
  await withLock(folder, async () => expect(await readdir(folder)).toEqual(['.running']));
  expect(await readdir(folder)).toEqual([]);
  await expect(withLock(folder, () => Promise.reject(new Error('inside')))).rejects.toThrow('inside');
  expect(await readdir(folder)).toEqual([]);
  // The parent of this process lives; a number that no process can have does not.
  await writeFile(lock, String(process.ppid));
  await expect(withLock(folder, async () => 1)).rejects.toThrow(`written by process ${process.ppid}`);
  await writeFile(lock, String(2 ** 30));
  expect(await withLock(folder, async () => 'taken over')).toBe('taken over');
  // As does one of this process's number that it has not taken.
  await writeFile(lock, String(process.pid));
  expect(await withLock(folder, async () => 'taken over')).toBe('taken over');
  await writeFile(lock, '');
  expect(await withLock(folder, async () => 'taken over')).toBe('taken over');
});

it('lets whoever comes second wait for a turn, where it is over soon', async () => {
  const folder = await temporaryFolder();
  const order: string[] = [];
  let release = (): void => undefined;
  const first = withLock(folder, async () => {
    await new Promise<void>((resolve) => (release = resolve));
    order.push('first');
  });
  await expect.poll(() => readdir(folder)).toEqual(['.running']);
  await expect(withLock(folder, async () => 1)).rejects.toThrow(FolderInUseError);
  const second = withLockInTurn(folder, async () => order.push('second'));
  release();
  await Promise.all([first, second]);
  expect(order).toEqual(['first', 'second']);
});
