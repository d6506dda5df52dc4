/** The zip form of a checkpoint (PyTorch ≥ 1.6): NAME/data.pkl, and NAME/data/KEY for every storage, none compressed. */
import { unzipRaw, type ZipEntry } from 'unzipit';
import { FormatError } from '../errors.ts';
import { type ByteSource } from './byte-source.ts';
import { storedBytes } from './elements.ts';
import { PickleCutShort, unpickle } from './pickle.ts';
import { torchNames, type TorchStorage } from './torch-names.ts';

/** What either form of a checkpoint comes to. */
export interface TorchContents {
  /** The value of the pickle. */
  readonly value: unknown;
  /** The bytes of a storage, as many as it has. */
  readonly read: (storage: TorchStorage) => Promise<Uint8Array<ArrayBuffer>>;
}

/** More than the pickle of any model: it holds names and shapes. */
export const MAX_PICKLE = 100_000_000;

/** @param fail makes the error of a problem */
export async function readTorchZip(
  source: ByteSource,
  fail: (problem: string) => never,
): Promise<TorchContents> {
  const reader = {
    getLength: async () => source.size,
    read: (offset: number, size: number) => source.read(offset, size),
  };
  /** What the library finds wrong is a fault of the file. */
  const zip = <T>(reading: Promise<T>): Promise<T> =>
    reading.catch((error: unknown) => {
      if (error instanceof FormatError) throw error;
      return fail(`it is no usable zip archive (${String(error)}); it is cut short or damaged`);
    });
  const { entries } = await zip(unzipRaw(reader));
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  if (byName.size !== entries.length) fail('its archive has two files of one name; it is damaged');
  const folder = folderOf(entries, fail);

  const bytesOf = async (entry: ZipEntry, wanted: number): Promise<Uint8Array<ArrayBuffer>> => {
    if (entry.compressionMethod !== 0 || entry.encrypted) {
      fail(
        `${entry.name} is compressed or encrypted, which PyTorch's own files are not; unpack the archive and zip it with "store"`,
      );
    }
    if (entry.size !== wanted || entry.size > source.size) {
      fail(`${entry.name} has ${entry.size} bytes, wanted ${wanted}; it is cut short or damaged`);
    }
    return new Uint8Array(await zip(entry.arrayBuffer()));
  };

  const order = byName.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(await bytesOf(order, order.size)) !== 'little') {
    fail('it was saved on a big-endian machine; load it in PyTorch and save it again');
  }
  const pickle = byName.get(`${folder}data.pkl`)!;
  if (pickle.size > MAX_PICKLE) fail(`its pickle has ${pickle.size} bytes; wanted at most ${MAX_PICKLE}`);
  const { value } = parse(await bytesOf(pickle, pickle.size), fail);
  return {
    value,
    read: ({ key, type, count }) => {
      const entry = byName.get(`${folder}data/${key}`);
      if (!entry) return fail(`it has no file ${folder}data/${key} for one of its storages; it is damaged`);
      return bytesOf(entry, count * storedBytes[type]);
    },
  };
}

/** Where the pickle lies, with a slash at its end. */
function folderOf(entries: readonly ZipEntry[], fail: (problem: string) => never): string {
  const pickles = entries.filter(({ name }) => name.endsWith('/data.pkl'));
  const [first] = pickles;
  if (!first || pickles.length > 1) {
    fail(`its archive has ${pickles.length} files data.pkl, wanted one; is it a checkpoint of torch.save()?`);
  }
  const folder = first.name.slice(0, -'data.pkl'.length);
  if (entries.some(({ name }) => name === `${folder}constants.pkl`)) {
    fail('it is a program of TorchScript; in Python, save torch.jit.load(file).state_dict() as safetensors');
  }
  return folder;
}

function parse(bytes: Uint8Array, fail: (problem: string) => never): { value: unknown } {
  try {
    return unpickle(bytes, 0, torchNames(fail), fail);
  } catch (error) {
    if (!(error instanceof PickleCutShort)) throw error;
    return fail(`${error.message}; it is cut short or damaged`);
  }
}
