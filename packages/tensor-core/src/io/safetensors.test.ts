import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allocate, type DType, elementBytes } from '../dtype.ts';
import { DTypeError, FormatError } from '../errors.ts';
import { sizeOf } from '../shape.ts';
import {
  encodeSafetensors,
  readSafetensors,
  type StoredTensor,
  widen,
  writeSafetensors,
} from './safetensors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
async function stored(bytes: Uint8Array): Promise<string> {
  const file = path.join(folder, `${files++}.safetensors`);
  await writeFile(file, bytes);
  return file;
}

/** A file with this header and this many zero bytes behind it. */
function fileOf(
  header: string | Uint8Array,
  data: Uint8Array = new Uint8Array(0),
  length?: bigint,
): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

function entry(dtype: string, shape: unknown, offsets: unknown): string {
  return JSON.stringify({ dtype, shape, data_offsets: offsets });
}

const dtypes: readonly DType[] = ['float32', 'float16', 'int32', 'uint8', 'bool'];

const tensors = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 12 }).filter((name) => name !== '__metadata__'),
  fc
    .record({
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
      seed: fc.nat(250),
    })
    .map(({ dtype, shape, seed }): StoredTensor => {
      const data = allocate(dtype, sizeOf(shape));
      data.forEach((_, i) => (data[i] = dtype === 'bool' ? (seed + i) % 2 : seed + i));
      return { dtype, shape, data };
    }),
  { maxKeys: 5 },
);

describe('what is written', () => {
  it('is read again: every dtype, shape, name and the metadata', async () => {
    const metadata = fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ maxLength: 9 }), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(tensors, metadata, async (given, meta) => {
        const file = path.join(folder, `${files++}.safetensors`);
        await writeSafetensors(file, given, meta);
        const back = await readSafetensors(file);
        expect(Object.entries(back.tensors).sort()).toEqual(Object.entries(given).sort());
        expect(Object.entries(back.metadata).sort()).toEqual(Object.entries(meta).sort());
      }),
      { numRuns: 60, seed: 6 },
    );
  });

  it('begins at a multiple of 8, and each tensor at a multiple of its element', () => {
    fc.assert(
      fc.property(tensors, (given) => {
        const [head] = encodeSafetensors(given);
        const length = Number(new DataView(head!.buffer).getBigUint64(0, true));
        expect(length).toBe(head!.length - 8);
        expect(length % 8).toBe(0);
        const header = JSON.parse(new TextDecoder().decode(head!.subarray(8))) as Record<
          string,
          { data_offsets: number[] }
        >;
        for (const [name, { dtype }] of Object.entries(given)) {
          const described = Object.entries(header).find(([key]) => key === name)![1];
          expect(described.data_offsets[0]! % elementBytes(dtype)).toBe(0);
        }
      }),
      { numRuns: 100, seed: 7 },
    );
  });

  it('does not depend on the order in which tensors are given', () => {
    const a: StoredTensor = { dtype: 'uint8', shape: [1], data: Uint8Array.of(1) };
    const b: StoredTensor = { dtype: 'float32', shape: [], data: Float32Array.of(2) };
    expect(encodeSafetensors({ a, b, c: a })).toEqual(encodeSafetensors({ c: a, b, a }));
  });

  it('is part of a larger array where that is given', async () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    const file = path.join(folder, 'part.safetensors');
    await writeSafetensors(file, { x: { dtype: 'float32', shape: [2], data } });
    expect([...(await readSafetensors(file)).tensors['x']!.data]).toEqual([2, 3]);
    expect((await readFile(file)).length % 8).toBe(0);
  });

  it('is refused where arrays do not fit', () => {
    const x = { dtype: 'float32', shape: [3], data: new Float32Array(2) } as const;
    expect(() => encodeSafetensors({ x })).toThrow(/safetensors: x \[3\] wants 3 elements, got 2/);
    expect(() => encodeSafetensors({ x: { ...x, shape: [2], dtype: 'int32' } })).toThrow(DTypeError);
    expect(() => encodeSafetensors({ __metadata__: { ...x, shape: [2] } })).toThrow(
      /no tensor can be called __metadata__/,
    );
  });
});

describe('types of others', () => {
  async function read(dtype: string, data: ArrayBufferView, shape: number[]): Promise<StoredTensor> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const header = `{"x":${entry(dtype, shape, [0, bytes.length])}}`;
    return (await readSafetensors(await stored(fileOf(header, bytes)))).tensors['x']!;
  }

  it('float64 is rounded to float32', async () => {
    const values = Float64Array.of(Math.PI, -1e300, 1e-50, NaN);
    expect(await read('F64', values, [2, 2])).toEqual({
      dtype: 'float32',
      shape: [2, 2],
      data: Float32Array.from(values),
    });
  });

  it('bfloat16 becomes the float32 that begins with its bits', async () => {
    const data = Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x0001, 0x4049);
    const x = await read('BF16', data, [5]);
    expect(x.dtype).toBe('float32');
    expect([...x.data]).toEqual([1, -2, Infinity, 2 ** -133, 3.140625]);
  });

  it('int64 becomes int32 where it fits', async () => {
    const x = await read('I64', BigInt64Array.of(-1n, 2147483647n, -2147483648n), [3]);
    expect(x).toEqual({ dtype: 'int32', shape: [3], data: Int32Array.of(-1, 2147483647, -2147483648) });
    await expect(read('I64', BigInt64Array.of(2147483648n), [1])).rejects.toThrow(
      /x holds 2147483648, which is beyond int32/,
    );
    await expect(read('I64', BigInt64Array.of(-(2n ** 62n)), [1])).rejects.toThrow(FormatError);
  });

  it('shorter whole numbers become int32', async () => {
    const short = await read('I16', Int16Array.of(-300, 300), [2]);
    expect(short).toEqual({ dtype: 'int32', shape: [2], data: Int32Array.of(-300, 300) });
    expect((await read('I8', Int8Array.of(-128, 127), [2])).data).toEqual(Int32Array.of(-128, 127));
  });

  it('float16 is kept, and widened on request', async () => {
    const x = await read('F16', Uint16Array.of(0x3c00, 0xc100), [2]);
    expect(x.dtype).toBe('float16');
    expect(widen(x)).toEqual({ dtype: 'float32', shape: [2], data: Float32Array.of(1, -2.5) });
    const y = widen({ dtype: 'int32', shape: [1], data: Int32Array.of(7) });
    expect(y.dtype).toBe('int32');
  });

  it('are named where they cannot be read', async () => {
    for (const dtype of ['F8_E4M3', 'U64', 'toString', '']) {
      const file = stored(fileOf(`{"x":${entry(dtype, [1], [0, 1])}}`, new Uint8Array(1)));
      await expect(readSafetensors(await file)).rejects.toThrow(
        `x has dtype ${JSON.stringify(dtype)}; readable are F64, F32`,
      );
    }
  });
});

describe('a file that is not what it says', () => {
  const four = new Uint8Array(4);
  const ok = entry('F32', [1], [0, 4]);
  const cases: [string, Uint8Array, RegExp][] = [
    ['is empty', new Uint8Array(0), /is 0 bytes long, shorter than a header/],
    ['ends in its header’s length', new Uint8Array(7), /is 7 bytes long/],
    [
      'has a header longer than itself',
      fileOf('{}', four, 1000n),
      /says that its header has 1000 bytes; the file has 14/,
    ],
    [
      'has an absurd header',
      fileOf('{}', four, 2n ** 63n),
      /says that its header has 922337203685477\d{4} bytes/,
    ],
    [
      'has a header of over 100 MB',
      fileOf('{}', four, 100_000_001n),
      /says that its header has 100000001 bytes/,
    ],
    ['has no JSON', fileOf('{"x":', four), /the header is not JSON/],
    ['has no UTF-8', fileOf(Uint8Array.of(0x22, 0xff, 0x22)), /the header is not JSON/],
    ['has a list as header', fileOf('[]'), /the header is no object/],
    ['has null as header', fileOf('null'), /the header is no object/],
    ['has null as tensor', fileOf('{"x":null}'), /x has no description/],
    ['has text as tensor', fileOf('{"x":"F32"}'), /x has no description/],
    [
      'has metadata of numbers',
      fileOf('{"__metadata__":{"a":1}}'),
      /its __metadata__ is no record of strings/,
    ],
    ['has null as metadata', fileOf('{"__metadata__":null}'), /its __metadata__ is no record of strings/],
    [
      'lacks a dtype',
      fileOf('{"x":{"shape":[1],"data_offsets":[0,4]}}', four),
      /x has dtype undefined; readable are/,
    ],
    ['lacks a shape', fileOf('{"x":{"dtype":"F32","data_offsets":[0,4]}}', four), /x has no usable shape/],
    [
      'has a negative extent',
      fileOf(`{"x":${entry('F32', [-1, -1], [0, 4])}}`, four),
      /x has no usable shape/,
    ],
    ['has half an extent', fileOf(`{"x":${entry('F32', [0.5, 2], [0, 4])}}`, four), /x has no usable shape/],
    [
      'has an extent beyond counting',
      fileOf(`{"x":${entry('F32', [2 ** 60], [0, 4])}}`, four),
      /x has no usable shape/,
    ],
    [
      'has a shape beyond counting',
      fileOf(`{"x":${entry('F32', [2 ** 50, 2 ** 50], [0, 4])}}`, four),
      /x holds 4 bytes, but F32 \[.*\] wants/,
    ],
    ['lacks offsets', fileOf('{"x":{"dtype":"F32","shape":[1]}}', four), /x has no usable byte range/],
    ['has one offset', fileOf(`{"x":${entry('F32', [1], [4])}}`, four), /x has no usable byte range/],
    [
      'has a negative offset',
      fileOf(`{"x":${entry('F32', [1], [-4, 0])}}`, four),
      /x has no usable byte range/,
    ],
    [
      'is cut short',
      fileOf(`{"x":${entry('F32', [2], [0, 8])}}`, four),
      /x lies at bytes 0 to 8 of 4; the file is cut short or damaged/,
    ],
    [
      'has offsets backwards',
      fileOf(`{"x":${entry('F32', [1], [4, 0])}}`, four),
      /x lies at bytes 4 to 0 of 4/,
    ],
    [
      'has too few bytes for a shape',
      fileOf(`{"x":${entry('F32', [1], [0, 2])}}`, four),
      /x holds 2 bytes, but F32 \[1\] wants 4/,
    ],
    [
      'has too many bytes for a shape',
      fileOf(`{"x":${entry('F16', [1], [0, 4])}}`, four),
      /x holds 4 bytes, but F16 \[1\] wants 2/,
    ],
    [
      'has tensors that overlap',
      fileOf(`{"x":${ok},"y":${entry('F16', [2], [2, 6])}}`, new Uint8Array(6)),
      /y at bytes 2 to 6 overlaps the tensor before it, which ends at 4/,
    ],
    ['has one range for two tensors', fileOf(`{"x":${ok},"y":${ok}}`, four), /y at bytes 0 to 4 overlaps/],
    [
      'has a gap',
      fileOf(`{"x":${entry('F32', [1], [4, 8])}}`, new Uint8Array(8)),
      /x at bytes 4 to 8 leaves a gap before it, which ends at 0/,
    ],
    [
      'has bytes at its end',
      fileOf(`{"x":${ok}}`, new Uint8Array(9)),
      /5 bytes at its end belong to no tensor/,
    ],
    [
      'names a tensor twice',
      fileOf(`{"x":${ok}, "y" :${entry('U8', [0], [4, 4])},"\\u0078":${ok}}`, four),
      /the header names x twice/,
    ],
    [
      'has two sets of metadata',
      fileOf('{"__metadata__":{},"__metadata__":{"a":"b"}}'),
      /the header names __metadata__ twice/,
    ],
  ];

  it.each(cases)('%s: one clear error', async (_, bytes, message) => {
    const file = await stored(bytes);
    await expect(readSafetensors(file)).rejects.toThrow(message);
    await expect(readSafetensors(file)).rejects.toThrow(FormatError);
    await expect(readSafetensors(file)).rejects.toThrow(file);
  });

  it('cannot hide a name twice in text that looks like another', async () => {
    const named = { '{"x": "[': ok, 'x"': entry('U8', [0], [4, 4]), '\\': entry('U8', [0], [4, 4]) };
    const header = `{${Object.entries(named)
      .map(([name, text]) => `${JSON.stringify(name)}:${text}`)
      .join()},"__metadata__":{"x":"x","dtype":"{\\"x\\":"}}`;
    const { tensors: read } = await readSafetensors(await stored(fileOf(header, four)));
    expect(Object.keys(read).sort()).toEqual(Object.keys(named).sort());
  });

  it('takes memory for what is there, not for what it says', async () => {
    const header = `{"x":${entry('U8', [2 ** 48], [0, 2 ** 48])}}`;
    const before = process.memoryUsage().arrayBuffers;
    await expect(readSafetensors(await stored(fileOf(header, four)))).rejects.toThrow(
      /lies at bytes 0 to 281474976710656 of 4/,
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  });

  it('is never misread: damaged bytes give an error or the same shapes', async () => {
    const x: StoredTensor = { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };
    const y: StoredTensor = { dtype: 'uint8', shape: [3], data: Uint8Array.of(5, 6, 7) };
    const whole = Buffer.concat(encodeSafetensors({ x, y }));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), async (at, value, cut) => {
        const bytes = Uint8Array.from(cut ? whole.subarray(0, at) : whole);
        if (!cut) bytes[at] = value;
        const result = await readSafetensors(await stored(bytes)).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toBeInstanceOf(FormatError);
        else {
          const read = Object.values((result as { tensors: Record<string, StoredTensor> }).tensors);
          expect(read.reduce((total, t) => total + t.data.byteLength, 0)).toBe(19);
        }
      }),
      { numRuns: 300, seed: 8 },
    );
  });
});

describe('names', () => {
  it('may be anything but the metadata’s', async () => {
    const x: StoredTensor = { dtype: 'uint8', shape: [1], data: Uint8Array.of(1) };
    const given = Object.fromEntries(
      ['__proto__', 'constructor', '', 'a.b/c', 'é"\\'].map((name) => [name, x]),
    );
    const file = path.join(folder, 'names.safetensors');
    await writeSafetensors(file, given);
    const back = (await readSafetensors(file)).tensors;
    expect(Object.keys(back).sort()).toEqual(Object.keys(given).sort());
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
  });

  it('of files that are not there reach the caller as the system’s error', async () => {
    await expect(readSafetensors(path.join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
