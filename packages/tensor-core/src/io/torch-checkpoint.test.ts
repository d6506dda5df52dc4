import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { goldenJson } from '../../test/golden.ts';
import {
  call,
  dict,
  floats,
  global,
  int,
  legacyCheckpoint,
  list,
  none,
  oldText,
  pickle,
  storage,
  tensor,
  text,
  tuple,
  zipCheckpoint,
  zipOf,
} from '../../test/pickles.ts';
import { readTorchCheckpoint } from './torch-checkpoint.ts';

interface Recorded {
  files: string[];
  tensors: { name: string; shape: number[]; dtype: string; values: (number | boolean)[] }[];
}

const recorded = goldenJson<Recorded>('checkpoints.json');
const file = (name: string): string =>
  fileURLToPath(new URL(`../../../../golden/checkpoints/${name}`, import.meta.url));

describe.each(recorded.files)('%s, which PyTorch saved', (name) => {
  it.each(['from its path', 'from its bytes'])('holds what it was given, %s', async (how) => {
    const from = how === 'from its path' ? file(name) : new Uint8Array(readFileSync(file(name)));
    const tensors = await readTorchCheckpoint(from);
    expect(Object.keys(tensors)).toEqual(recorded.tensors.map((tensor) => tensor.name));
    for (const { name: key, shape, dtype, values } of recorded.tensors) {
      const read = tensors[key]!;
      expect({ key, shape: read.shape, dtype: read.dtype }).toEqual({ key, shape, dtype });
      // Float16 is recorded by its bits.
      expect([...read.data], key).toEqual(values.map(Number));
    }
  });

  it('shares memory where PyTorch does', async () => {
    const tensors = await readTorchCheckpoint(file(name));
    const [grid, row] = ['grid', 'row'].map((key) => tensors[`tensors.${key}`]!.data) as [
      Float32Array,
      Float32Array,
    ];
    expect(row.buffer).toBe(grid.buffer);
    expect(row.byteOffset - grid.byteOffset).toBe(2 * 6 * 4);
  });

  it('is read in part on request', async () => {
    const tensors = await readTorchCheckpoint(file(name), { select: (key) => key.endsWith('.bias') });
    expect(Object.keys(tensors)).toEqual(['model.conv.bias', 'model.norm.bias']);
  });
});

const shared = process.env['IMMISCIBLE_SHARED'] ?? path.resolve(import.meta.dirname, '../../../../../shared');
const real = path.join(shared, 'data/checkpoints/ddpm-mnist-mit.pth');
const here = existsSync(real);

it.skipIf(!here)(
  `reads a model that somebody else trained${here ? '' : ` (skipped: no ${real})`}`,
  async () => {
    const tensors = await readTorchCheckpoint(real);
    expect(Object.keys(tensors)).toHaveLength(29);
    const schedule = tensors['alpha_t']!;
    expect(schedule.shape).toEqual([1001]);
    // 1 − β at both ends of the linear schedule.
    expect(schedule.data[0]).toBeCloseTo(0.9999, 6);
    const weights = Object.values(tensors).flatMap(({ data }) => [...data]);
    expect(weights.every(Number.isFinite)).toBe(true);
  },
);

const two = { shape: [2], dtype: 'float32', data: Float32Array.of(1, 2) };

describe('forms that PyTorch no longer writes', () => {
  it('are pickles of Python 2: text without an encoding, dictionaries of pairs, tensors without hooks', async () => {
    const x = call(
      global('torch._utils', '_rebuild_tensor'),
      storage('77', 2),
      int(0),
      tuple(int(2)),
      tuple(int(1)),
    );
    const value = call(global('collections', 'OrderedDict'), list(list(oldText('x'), x)));
    const tensors = await readTorchCheckpoint(legacyCheckpoint(value, [['77', 2, floats(1, 2)]]));
    expect(tensors).toEqual({ x: two });
  });

  it('are long files of pickles, of which more than a first piece is read', async () => {
    const much = list(...Array.from({ length: 11 }, () => text('long'.repeat(25_000))));
    const value = dict(text('names'), much, text('x'), tensor(storage('0', 2), [2]));
    const bytes = legacyCheckpoint(value, [['0', 2, floats(1, 2)]]);
    expect(bytes.length).toBeGreaterThan(1 << 20);
    expect(await readTorchCheckpoint(bytes)).toEqual({ x: two });
  });
});

describe('records', () => {
  const x = tensor(storage('0', 2), [2]);
  const read = (value: readonly number[]): Promise<unknown> =>
    readTorchCheckpoint(zipCheckpoint(value, { 0: floats(1, 2) }));

  it('name their tensors by the keys on the way, whatever these are', async () => {
    const nested = dict(
      text('__proto__'),
      x,
      int(7),
      list(none, tuple(x)),
      tuple(),
      x,
      text(''),
      dict(text('a.b'), x),
    );
    const tensors = await read(nested);
    expect(Object.entries(tensors as object)).toEqual([
      ['__proto__', two],
      ['7.1.0', two],
      ['.a.b', two],
    ]);
  });

  it('may be a list', async () => {
    expect(await read(list(x, x))).toEqual({ 0: two, 1: two });
  });

  it('must hold tensors, each under a name of its own', async () => {
    await expect(read(dict(text('epoch'), int(3)))).rejects.toThrow(/holds no tensors in its records/);
    await expect(read(none)).rejects.toThrow(/holds no tensors/);
    await expect(read(x)).rejects.toThrow(/holds one tensor without a name; save a record/);
    const twice = dict(text('a.b'), x, text('a'), dict(text('b'), x));
    await expect(read(twice)).rejects.toThrow(/has two tensors named a\.b/);
  });

  it('hold whole numbers that int32 can hold', async () => {
    const long = new Uint8Array(BigInt64Array.of(1n, 2n ** 31n).buffer);
    const value = dict(text('steps'), tensor(storage('0', 2, 'LongStorage'), [2]));
    await expect(readTorchCheckpoint(zipCheckpoint(value, { 0: long }))).rejects.toThrow(
      /steps holds 2147483648, which is beyond int32/,
    );
  });
});

describe('what is no checkpoint', () => {
  const cases: [string, Uint8Array, RegExp][] = [
    ['is nothing', new Uint8Array(0), /is neither of the forms that torch\.save\(\) writes/],
    ['is text', new TextEncoder().encode('version https://git-lfs'), /is neither of the forms/],
    [
      'is safetensors',
      new TextEncoder().encode('\x02\0\0\0\0\0\0\0{}'),
      /looks like a safetensors file; read it with readSafetensors\(\)/,
    ],
    [
      'is a tar archive',
      new TextEncoder().encode(`${'\0'.repeat(257)}ustar`),
      /has the tar form of PyTorch before 0\.1\.10/,
    ],
    [
      'is another zip archive',
      zipOf([['word/document.xml', floats(1)]]),
      /its archive has 0 files data\.pkl, wanted one; is it a checkpoint/,
    ],
    [
      'is a program of TorchScript',
      zipCheckpoint(none, {}, { more: [['model/constants.pkl', pickle(none)]] }),
      /is a program of TorchScript; in Python, save torch\.jit\.load/,
    ],
    ['is another pickle', pickle(none), /does not begin with the number that torch\.save\(\) writes/],
  ];
  it.each(cases)('because it %s', async (_, bytes, message) => {
    await expect(readTorchCheckpoint(bytes)).rejects.toThrow(message);
  });

  it('because there is none: the system says so', async () => {
    await expect(readTorchCheckpoint('/nowhere.pth')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is told with the file’s name', async () => {
    const itself = fileURLToPath(import.meta.url);
    await expect(readTorchCheckpoint(itself)).rejects.toThrow(`torch checkpoint: ${itself}: it is neither`);
  });
});
