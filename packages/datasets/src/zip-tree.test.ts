import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, writeZip } from '../test/helpers.ts';
import { MissingDataError, WrongDataError } from './errors.ts';
import { zipTree } from './zip-tree.ts';

const files = {
  'set/b.txt': 'second '.repeat(100),
  'set/a.txt': 'first',
  'set/deep/c.txt': '',
  'top.txt': 'top',
};

async function archive(content: Readonly<Record<string, string>> = files, compress = true): Promise<string> {
  const path = join(await temporaryFolder(), 'a.zip');
  await writeZip(path, content, compress);
  return path;
}

const openTree = (path: string): ReturnType<typeof zipTree> => zipTree('openSet', path, 'get it again');

/** Overwrites a little-endian number in the directory entry (or local header) of a member. */
async function patch(
  path: string,
  name: string,
  signature: number,
  offset: number,
  value: number,
): Promise<void> {
  const bytes = await readFile(path);
  for (let at = 0; at + 46 < bytes.length; at++) {
    const length = signature === 0x02014b50 ? 46 : 30;
    if (bytes.readUInt32LE(at) !== signature) continue;
    if (bytes.toString('utf8', at + length, at + length + name.length) !== name) continue;
    bytes.writeUInt32LE(value, at + offset);
    await writeFile(path, bytes);
    return;
  }
  throw new Error(`no ${name} in ${path}`);
}

const DIRECTORY = 0x02014b50;

/** Renames a member, to a name of the same length, everywhere in an archive. */
async function rename(path: string, from: string, to: string): Promise<void> {
  const bytes = await readFile(path, 'latin1');
  await writeFile(path, bytes.replaceAll(from, to), 'latin1');
}

describe('zipTree', () => {
  it.each([true, false])('lists and reads members, deflated: %s, and writes nothing', async (compress) => {
    const path = await archive(files, compress);
    const tree = await openTree(path);
    expect([...(await tree.files('set'))]).toEqual([
      ['a.txt', 5],
      ['b.txt', 700],
    ]);
    expect([...(await tree.files(''))]).toEqual([['top.txt', 3]]);
    expect((await tree.files('none')).size).toBe(0);
    const names = ['set/b.txt', 'set/a.txt', 'set/deep/c.txt', 'top.txt'] as const;
    const read = await Promise.all(names.map((name) => tree.read(name)));
    expect(read.map((bytes) => Buffer.from(bytes).toString())).toEqual(names.map((name) => files[name]));
    await tree.close();
    expect(await readdir(dirname(path))).toEqual(['a.zip']);
  });

  it('says that a member is missing', async () => {
    const tree = await openTree(await archive());
    await expect(tree.read('set/no.txt')).rejects.toThrow(MissingDataError);
    await expect(tree.read('set/no.txt')).rejects.toThrow(/openSet: wanted set\/no.txt in the archive/);
    await tree.close();
  });

  it('refuses what is no archive, or a part of one', async () => {
    const path = await archive();
    const whole = await readFile(path);
    await expect(openTree(join(dirname(path), 'no.zip'))).rejects.toThrow(MissingDataError);
    await writeFile(path, 'no archive at all, only text');
    await expect(openTree(path)).rejects.toThrow(/wanted a zip archive, got 28 bytes .*; get it again/);
    for (const length of [0, 40, whole.length - 1, whole.length - 30]) {
      await writeFile(path, whole.subarray(0, length));
      await expect(openTree(path), `${length} bytes`).rejects.toThrow(WrongDataError);
    }
    await writeFile(path, whole.subarray(10)); // offsets that point elsewhere
    await expect(openTree(path)).rejects.toThrow(WrongDataError);
  });

  it.each([
    ['../etc', 'above'],
    ['/etc/p', 'absolute'],
    ['C:/win', 'on a drive'],
    ['a\\..\\b', 'with backslashes'],
  ])('refuses the name %s (%s)', async (name) => {
    const plain = 'x'.repeat(name.length);
    const path = await archive({ [plain]: 'content' });
    await rename(path, plain, name);
    await expect(openTree(path)).rejects.toThrow(/wanted a zip archive whose directory is whole, got .*zip/);
  });

  it('refuses two members of one name', async () => {
    const path = await archive({ 'one.txt': '1', 'two.txt': '2' });
    await rename(path, 'two.txt', 'one.txt');
    await expect(openTree(path)).rejects.toThrow(/one member of each name, got two one.txt/);
  });

  it('does not give room to a member that announces more than an image can need', async () => {
    const path = await archive();
    await patch(path, 'set/b.txt', DIRECTORY, 24, 2 ** 31);
    const tree = await openTree(path);
    await expect(tree.read('set/b.txt')).rejects.toThrow(
      /at most 67108864 bytes in a member, got 2147483648/,
    );
    await tree.close();
  });

  it.each([
    ['unpacks to more than it announces', 24, 5],
    ['unpacks to less than it announces', 24, 701],
    ['has another CRC-32', 16, 1],
    ['begins beyond the archive', 42, 2 ** 30],
    ['begins in the middle of another', 42, 7],
    ['is longer than the archive', 20, 2 ** 30],
  ])('names a member that %s', async (_, offset, value) => {
    const path = await archive();
    await patch(path, 'set/b.txt', DIRECTORY, offset, value);
    const tree = await openTree(path);
    await expect(tree.read('set/b.txt')).rejects.toThrow(/a whole member .*, got set\/b.txt of .*zip \(/);
    expect(Buffer.from(await tree.read('set/a.txt')).toString()).toBe('first');
    await tree.close();
  });

  it('names a member that is encrypted or packed by other means', async () => {
    for (const [offset, value, reason] of [
      [8, 1 | (8 << 16), 'encrypted'],
      [8, 12 << 16, 'compression method: 12'],
    ] as const) {
      const path = await archive();
      await patch(path, 'set/b.txt', DIRECTORY, offset, value);
      const tree = await openTree(path);
      await expect(tree.read('set/b.txt')).rejects.toThrow(reason);
      await tree.close();
    }
  });
});
