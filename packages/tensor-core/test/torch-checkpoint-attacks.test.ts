/** Checkpoints made to do harm, or damaged: each is refused before anything runs, or takes memory that it does not fill. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError, readTorchCheckpoint } from '../src/index.ts';
import * as p from './pickles.ts';

const x = p.tensor(p.storage('0', 2), [2]);
const data = { 0: p.floats(1, 2) };
const zip = (value: p.Piece): Uint8Array => p.zipCheckpoint(p.dict(p.text('x'), value), data);

type Case = readonly [string, Uint8Array, RegExp];

/** Refused with this message, and hardly any memory. */
function refuses(cases: readonly Case[]): void {
  it.each(cases)('%s', async (_, bytes, message) => {
    const before = process.memoryUsage().arrayBuffers;
    const error: unknown = await readTorchCheckpoint(bytes).catch((reason: unknown) => reason);
    expect(String(error)).toMatch(message);
    expect(error).toBeInstanceOf(FormatError);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 << 20);
  });
}

const globalThisBefore = Object.keys(globalThis).length;

describe('code', () => {
  const named =
    /names ".*", which is none of the names that a record of tensors needs; nothing of the file was executed.*safetensors/;
  refuses([
    ['os.system', zip(p.call(p.global('os', 'system'), p.text('touch pwned'))), named],
    ['posix.system', zip(p.call(p.global('posix', 'system'), p.text('id'))), /names "posix\.system"/],
    ['eval', zip(p.call(p.global('builtins', 'eval'), p.text('1'))), named],
    ['a name that objects of JavaScript have', zip(p.global('constructor', 'constructor')), named],
    [
      'a name of the list behind dots',
      zip(p.global('torch._utils._rebuild_tensor_v2', 'func_globals')),
      named,
    ],
    [
      'another function of PyTorch',
      zip(p.call(p.global('torch', 'load'), p.text('x'))),
      /names "torch\.load"/,
    ],
    [
      'a whole module',
      zip(p.call(p.global('__main__', 'Network'))),
      /names "__main__\.Network".*model\.state_dict\(\)/,
    ],
    ['a name from the stack', zip([...p.text('os'), ...p.text('system'), 0x93]), /names "os\.system"/],
    [
      'a name that is no text',
      zip([...p.int(1), ...p.text('system'), 0x93]),
      /names a function with what is no text/,
    ],
    [
      'an object of a class',
      zip([...p.global('collections', 'OrderedDict'), 0x29, 0x81]),
      /has NEWOBJ \(an object of a class\) at byte/,
    ],
    ['an instance', zip([0x28, 0x69, ...p.global('os', 'system').slice(1)]), /has INST/],
    ['a registered function', zip([0x82, 1]), /has EXT1/],
    [
      'a call of what is no function',
      zip(p.call(p.text('system'), p.text('id'))),
      /calls what is no function/,
    ],
    [
      'a call of a storage type',
      zip(p.call(p.global('torch', 'FloatStorage'), p.int(9))),
      /calls what is no function/,
    ],
    [
      'a call with what is no tuple',
      zip([...p.global('collections', 'OrderedDict'), ...p.int(1), 0x52]),
      /calls what is no function/,
    ],
    [
      'in the old form',
      p.legacyCheckpoint(p.call(p.global('os', 'system'), p.text('id')), []),
      /names "os\.system"/,
    ],
    [
      'in the old form, where its machine is told',
      p.legacyCheckpoint(x, [], { magic: p.call(p.global('os', 'system')) }),
      /names "os\.system"/,
    ],
  ]);

  it('left nothing behind', () => {
    expect(Object.keys(globalThis)).toHaveLength(globalThisBefore);
  });
});

describe('pickles', () => {
  const cut = (bytes: readonly number[]): Uint8Array =>
    p.zipOf([['m/data.pkl', Uint8Array.from([0x80, 2, ...bytes])]]);
  refuses([
    [
      'of nothing',
      p.zipOf([['m/data.pkl', new Uint8Array(0)]]),
      /the pickle wants 1 bytes at 0 of 0; it is cut short/,
    ],
    ['without an end', cut([0x4e]), /the pickle wants 1 bytes at 3 of 3; it is cut short/],
    ['with a text of 4 GB', cut([0x58, 255, 255, 255, 255]), /wants 4294967295 bytes at/],
    [
      'with a text beyond counting',
      cut([0x8d, 255, 255, 255, 255, 255, 255, 255, 255]),
      /wants 1844674407370955\d+ bytes/,
    ],
    ['with a name without an end', cut([0x63, 111, 115]), /the pickle wants/],
    ['with a number of 2 GB', cut([0x8b, 255, 255, 255, 127]), /wants 2147483647 bytes/],
    ['with a long number', cut([0x8b, 1, 1, 0, 0, ...Array<number>(257).fill(1)]), /a number of 257 bytes/],
    ['of protocol 0', p.zipOf([['m/data.pkl', new TextEncoder().encode('(dp0\n.')]]), /begins with byte 40/],
    ['of protocol 5', cut([0x80, 5]), /has protocol 5; wanted 2/],
    ['with an unknown opcode', cut([0xff]), /has opcode 0xff at byte 2/],
    ['with text that is none', cut([0x55, 1, 0xff]), /text that is not UTF-8/],
    ['that take what is not there', cut([0x86]), /takes a value where there is none/],
    ['that take a mark for a value', cut([0x28, 0x32]), /takes a value where there is none/],
    ['without a mark', cut([0x74]), /wants a mark where there is none/],
    ['that recall what never was', cut([0x68, 9]), /recalls value 9, which it never had/],
    ['that append to a number', cut([0x4b, 1, 0x4b, 1, 0x61]), /appends to what is no list/],
    ['that set items of a list', cut([0x5d, 0x4b, 1, 0x4b, 1, 0x73]), /sets items of what is no dictionary/],
    ['with half an item', cut([0x7d, 0x28, 0x4b, 1, 0x75]), /sets items of what is no dictionary/],
    ['that leave two values', cut([0x4e, 0x4e, 0x2e]), /ends with more than one value/],
  ]);

  it('whose lists hold each other twice are not followed to their end', async () => {
    // Thirty lists, each holding the one before twice: 2^30 ways to the first.
    let bomb = p.remember(p.list(x), 0);
    for (let i = 1; i <= 30; i++) bomb = p.remember(p.list(bomb, p.recall(i - 1)), i);
    await expect(readTorchCheckpoint(zip(bomb))).rejects.toThrow(/hold more than 200000 values/);
  });

  it('with a list in itself are not followed for ever', async () => {
    const itself = [0x5d, 0x71, 0, 0x68, 0, 0x61];
    await expect(readTorchCheckpoint(zip(itself))).rejects.toThrow(/records are more than 64 deep/);
  });

  it('as deep as they are long are read without recursion', async () => {
    const deep = [...Array<number>(100_000).fill(0x5d), ...x, ...Array<number>(100_000).fill(0x61)];
    await expect(readTorchCheckpoint(zip(deep))).rejects.toThrow(/records are more than 64 deep/);
  });

  it('with names that grow as they nest are refused', async () => {
    const key = p.remember(p.text('n'.repeat(500)), 0);
    const value = p.dict(key, p.dict(p.recall(0), p.dict(p.recall(0), x)));
    await expect(readTorchCheckpoint(zip(value))).rejects.toThrow(/a name of 1003 characters/);
  });
});

describe('tensors', () => {
  const at = p.storage('0', 2);
  refuses([
    [
      'beyond their storage',
      zip(p.tensor(at, [3])),
      /x \[3\] with strides \[1\] and offset 0 reaches beyond its storage of 2/,
    ],
    ['behind it', zip(p.tensor(at, [1], [1], 2)), /offset 2 reaches beyond its storage/],
    ['with steps beyond it', zip(p.tensor(at, [2], [2])), /reaches beyond its storage/],
    [
      'with steps beyond counting',
      zip(p.tensor(at, [2 ** 40, 2 ** 40], [2 ** 40, 1])),
      /reaches beyond its storage/,
    ],
    [
      'of one number spread out',
      zip(p.tensor(at, [2 ** 40], [0])),
      /is a storage of 2 elements spread out; save it with \.contiguous/,
    ],
    ['before it', zip(p.tensor(at, [1], [1], -1)), /without usable offset, shape and strides/],
    ['of negative size', zip(p.tensor(at, [-1, -1])), /without usable offset, shape and strides/],
    ['with fewer steps than axes', zip(p.tensor(at, [1, 1], [1])), /without usable offset/],
    ['with more axes than there are', zip(p.tensor(at, Array<number>(65).fill(1))), /without usable offset/],
    ['on no storage', zip(p.tensor(p.int(3), [1])), /rebuilds a tensor from what is no storage/],
    [
      'in no parameter',
      zip(p.call(p.global('torch._utils', '_rebuild_parameter'), p.none)),
      /makes a parameter of what is no tensor/,
    ],
    [
      'in a dictionary of no pairs',
      zip(p.call(p.global('collections', 'OrderedDict'), p.list(p.int(1)))),
      /makes a dictionary of what are no pairs/,
    ],
    [
      'on something else outside',
      zip(p.tensor([...p.tuple(p.text('module')), 0x51], [1])),
      /refers to something outside its pickle that is no storage/,
    ],
    [
      'on a view of a storage',
      zip(p.tensor(p.storage('0', 2, 'FloatStorage', p.tuple(p.text('v'))), [1])),
      /has a storage that is a view of another/,
    ],
    [
      'on one storage of two types',
      zip(p.list(x, p.tensor(p.storage('0', 2, 'IntStorage'), [2]))),
      /takes storage 0 for another type or size than x\.0 does/,
    ],
    [
      'on a storage that is not there',
      zip(p.tensor(p.storage('../0', 1), [1])),
      /has no file model\/data\/\.\.\/0/,
    ],
    [
      'on storages of more than the file',
      zip(p.tensor(p.storage('0', 2 ** 40), [2])),
      /storages want 4398046511104 bytes, and the file has/,
    ],
  ]);

  it('that are one storage in many orders do not fill the memory', async () => {
    const shape = p.remember(p.tuple(p.int(100), p.int(100)), 0);
    const strides = p.remember(p.tuple(p.int(1), p.int(100)), 1);
    const rebuild = p.remember(p.global('torch._utils', '_rebuild_tensor'), 2);
    const held = p.remember(p.storage('0', 10_000), 3);
    const first = p.call(rebuild, held, p.int(0), shape, strides);
    const next = p.call(p.recall(2), p.recall(3), p.int(0), p.recall(0), p.recall(1));
    const value = p.list(first, ...Array.from({ length: 100 }, () => next));
    const bytes = p.zipCheckpoint(value, { 0: p.floats(...Array<number>(10_000).fill(1)) });
    await expect(readTorchCheckpoint(bytes)).rejects.toThrow(
      /want 4040000 bytes of copies of storages.*\.contiguous/,
    );
  });
});

describe('archives', () => {
  const value = p.dict(p.text('x'), x);
  const changed = (changes: Parameters<typeof p.zipCheckpoint>[2]): Uint8Array =>
    p.zipCheckpoint(value, data, changes);
  const storageOnly = (f: (n: number) => number) => (name: string, n: number) =>
    name.endsWith('/0') ? f(n) : n;
  const whole = p.zipCheckpoint(value, data);
  refuses([
    [
      'with a storage too short',
      p.zipCheckpoint(value, { 0: p.floats(1) }),
      /model\/data\/0 has 4 bytes, wanted 8/,
    ],
    [
      'with a storage of 4 GB',
      changed({ size: storageOnly(() => 0xfffffff0) }),
      /model\/data\/0 has 4294967280 bytes, wanted 8/,
    ],
    [
      'with a pickle of 4 GB',
      changed({ size: (name, n) => (name.endsWith('.pkl') ? 0xfffffff0 : n) }),
      /its pickle has 4294967280 bytes; wanted at most/,
    ],
    [
      'with a storage behind the end',
      changed({ place: storageOnly(() => 0x7fffffff) }),
      /bytes 2147483647 to 2147483677 of \d+ are wanted/,
    ],
    [
      'with a storage that begins in the middle',
      changed({ place: storageOnly((n) => n + 1) }),
      /is no usable zip archive/,
    ],
    ['that are compressed', changed({ method: 8 }), /is compressed or encrypted.*zip it with "store"/],
    [
      'with two files of one name',
      changed({ more: [['model/data/0', p.floats(3, 4)]] }),
      /has two files of one name/,
    ],
    [
      'with two pickles',
      changed({ more: [['b/data.pkl', p.pickle(p.none)]] }),
      /has 2 files data\.pkl, wanted one/,
    ],
    [
      'of another order of bytes',
      changed({ more: [['model/byteorder', new TextEncoder().encode('big')]] }),
      /saved on a big-endian machine/,
    ],
    ['without a directory', whole.slice(0, -22), /is no usable zip archive .*could not find end/],
    ['with a name that is to be replaced', tampered(whole), /is no usable zip archive/],
  ]);

  /** A directory that says it is longer than the file. */
  function tampered(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint16(copy.length - 14, 0xfff0, true);
    new DataView(copy.buffer).setUint16(copy.length - 12, 0xfff0, true);
    return copy;
  }

  it('whose storages are one place in the file take its size once', async () => {
    const size = 4000;
    const names = Array.from({ length: 50 }, (_, i) => `${i}`);
    const record = p.dict(
      ...names.map((key) => [...p.text(key), ...p.tensor(p.storage(key, size / 4), [size / 4])]),
    );
    const first = new Uint8Array(size);
    const storages = Object.fromEntries(names.map((key) => [key, key === '0' ? first : new Uint8Array(0)]));
    let place = 0;
    const bytes = p.zipCheckpoint(record, storages, {
      size: (name, n) => (name.includes('/data/') ? size : n),
      place: (name, n) => {
        if (name.endsWith('/0')) place = n;
        return name.includes('/data/') ? place : n;
      },
    });
    await expect(readTorchCheckpoint(bytes)).rejects.toThrow(/storages want 200000 bytes, and the file has/);
  });
});

describe('the old form', () => {
  const value = p.dict(p.text('x'), x);
  const legacy = (storages: readonly (readonly [string, number, Uint8Array])[], changes = {}): Uint8Array =>
    p.legacyCheckpoint(value, storages, changes);
  const whole = legacy([['0', 2, p.floats(1, 2)]]);
  refuses([
    ['of another version', legacy([], { version: 1002 }), /has version 1002 of the format, wanted 1001/],
    ['of another order of bytes', legacy([], { littleEndian: false }), /saved on a big-endian machine/],
    [
      'with fewer elements than it says',
      legacy([['0', 1, p.floats(1)]]),
      /storage 0 has 1 elements, wanted 2/,
    ],
    [
      'with elements beyond counting',
      legacy([['0', 2 ** 60, p.floats(1)]]),
      /storage 0 has 1152921504606846976 elements/,
    ],
    ['cut short', whole.slice(0, -1), /storage 0 ends at byte \d+ of \d+; it is cut short/],
    ['cut before its elements', whole.slice(0, -10), /are wanted; the file is cut short/],
    ['without its storage', legacy([]), /does not list storage 0/],
    [
      'with a storage twice',
      legacy([
        ['0', 2, p.floats(1, 2)],
        ['0', 2, p.floats(1, 2)],
      ]),
      /lists a storage that no tensor has, or one twice/,
    ],
    ['with a storage of nobody', legacy([['9', 2, p.floats(1, 2)]]), /lists a storage that no tensor has/],
  ]);
});

describe.each(['zip.pth', 'legacy.pth'])('%s, damaged anywhere', (name) => {
  const whole = new Uint8Array(
    readFileSync(fileURLToPath(new URL(`../../../golden/checkpoints/${name}`, import.meta.url))),
  );
  const total = async (bytes: Uint8Array): Promise<number> =>
    Object.values(await readTorchCheckpoint(bytes)).reduce((sum, tensor) => sum + tensor.data.byteLength, 0);

  it('gives an error, or no more than was there', async () => {
    const most = await total(whole);
    const damage = fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255), cut: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(damage, async ({ at, value, cut }) => {
        const bytes = cut ? whole.slice(0, at) : whole.slice();
        if (!cut) bytes[at] = value;
        const found = await total(bytes).catch((error: unknown) => error);
        if (typeof found !== 'number') expect(found).toBeInstanceOf(FormatError);
        else expect(found).toBeLessThanOrEqual(most + 64);
      }),
      { numRuns: 400, seed: 9 },
    );
  });
});
