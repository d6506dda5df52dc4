/**
 * The form of a checkpoint before PyTorch 1.6: pickles one after another (a magic number, a version, the machine, the
 * value, the keys of storages), then for every key the number of elements in 8 bytes, and the elements.
 */
import { type ByteSource } from './byte-source.ts';
import { storedBytes } from './elements.ts';
import { PickleCutShort, unpickle } from './pickle.ts';
import { torchNames, TorchStorage } from './torch-names.ts';
import { MAX_PICKLE, type TorchContents } from './torch-zip.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;
/** What is read at first: the pickles of most models are shorter. */
const FIRST_READ = 1 << 20;

/** @param fail makes the error of a problem */
export async function readTorchLegacy(
  source: ByteSource,
  fail: (problem: string) => never,
): Promise<TorchContents> {
  const { value, keys, end, storages } = await readPickles(source, fail);
  const places = new Map<string, number>();
  let at = end;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage || places.has(storage.key))
      fail(`it lists a storage that no tensor has, or one twice; it is damaged`);
    const count = new DataView((await source.read(at, 8)).slice().buffer).getBigUint64(0, true);
    if (count !== BigInt(storage.count)) {
      fail(`storage ${storage.key} has ${count} elements, wanted ${storage.count}; it is damaged`);
    }
    places.set(storage.key, at + 8);
    at += 8 + storage.count * storedBytes[storage.type];
    if (at > source.size)
      fail(`storage ${storage.key} ends at byte ${at} of ${source.size}; it is cut short`);
  }
  return {
    value,
    read: ({ key, type, count }) => {
      const place = places.get(key);
      if (place === undefined) return fail(`it does not list storage ${key}; it is damaged`);
      return source.read(place, count * storedBytes[type]);
    },
  };
}

interface Pickles {
  value: unknown;
  keys: readonly unknown[];
  end: number;
  /** Those that the value refers to. */
  storages: ReadonlyMap<string, TorchStorage>;
}

/** The pickles at the file's beginning, of which nothing says how long they are. */
async function readPickles(source: ByteSource, fail: (problem: string) => never): Promise<Pickles> {
  for (let wanted = FIRST_READ; ; wanted *= 8) {
    const length = Math.min(wanted, source.size, MAX_PICKLE);
    try {
      return parse(await source.read(0, length), fail);
    } catch (error) {
      if (!(error instanceof PickleCutShort)) throw error;
      if (length === source.size) fail(`${error.message}; it is cut short or damaged`);
      if (length === MAX_PICKLE) fail(`its pickles have more than ${MAX_PICKLE} bytes`);
    }
  }
}

function parse(bytes: Uint8Array, fail: (problem: string) => never): Pickles {
  const names = torchNames(fail);
  const storages = new Map<string, TorchStorage>();
  let end = 0;
  const next = (): unknown => {
    const result = unpickle(bytes, end, { ...names, persistent: noted }, fail);
    end = result.end;
    return result.value;
  };
  const noted = (id: unknown): unknown => {
    const storage = names.persistent(id);
    if (storage instanceof TorchStorage) storages.set(storage.key, storage);
    return storage;
  };
  if (next() !== MAGIC) fail('it does not begin with the number that torch.save() writes');
  const version = next();
  if (version !== VERSION) fail(`it has version ${String(version)} of the format, wanted ${VERSION}`);
  const machine = next();
  if (!(machine instanceof Map) || machine.get('little_endian') !== true) {
    fail('it was saved on a big-endian machine; load it in PyTorch and save it again');
  }
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) fail('it has no list of storages; it is damaged');
  return { value, keys: keys as unknown[], end, storages };
}
