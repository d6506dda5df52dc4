/**
 * The IDX format of MNIST and its successors, gzipped or not: a four-byte magic (0, 0, type, rank), the sizes as
 * big-endian 32-bit words, then the data. http://yann.lecun.com/exdb/mnist/
 *
 * A header of twelve bytes can ask for terabytes, so nothing is allocated before the header has been held against
 * a limit and against what the file can possibly contain.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type MemoryDataset, memoryDataset } from './dataset.ts';
import { DatasetError, reasonOf, WrongDataError } from './errors.ts';
import { checkMd5, type FilePath, fileSize, missing, pathOf } from './read-file.ts';

/** An array of unsigned bytes, first axis slowest. */
export interface IdxArray {
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** Options of `readIdx`. */
export interface ReadIdxOptions {
  /** Wanted MD5 of the file as it lies on disk (gzipped, if it is). */
  readonly md5?: string;
  /** The most bytes of data that may be unpacked. Default 1 GiB. */
  readonly maxBytes?: number;
  /** What to tell a reader whose file is missing or wrong. */
  readonly fix?: string;
}

const DEFAULT_MAX_BYTES = 2 ** 30;
const UNSIGNED_BYTE = 0x08;
const MAX_RANK = 8;
/** Deflate cannot shrink by more than this (258 bytes out of two bits), so neither can a file claim it. */
const MAX_INFLATION = 1032;
const CHUNK = 1 << 18;
const DEFAULT_FIX = 'check that this is the whole, original IDX file';

/** Puts an `IdxArray` together from chunks, allocating once, as soon as the header can be trusted. */
class IdxAssembler {
  readonly #file: string;
  readonly #available: number;
  readonly #maxBytes: number;
  readonly #fix: string;
  #header = new Uint8Array(0);
  #dims: number[] = [];
  #data: Uint8Array | undefined;
  #filled = 0;
  #surplus = 0;

  /** @param available the most bytes that can follow, header included */
  constructor(file: string, available: number, maxBytes: number, fix: string) {
    this.#file = file;
    this.#available = available;
    this.#maxBytes = maxBytes;
    this.#fix = fix;
  }

  push(chunk: Uint8Array): void {
    let rest = chunk;
    if (this.#data === undefined) {
      const joined = new Uint8Array(this.#header.length + chunk.length);
      joined.set(this.#header);
      joined.set(chunk, this.#header.length);
      const headerSize = this.#parseHeader(joined);
      if (headerSize === undefined) {
        this.#header = joined;
        return;
      }
      rest = joined.subarray(headerSize);
    }
    const data = this.#data;
    if (data === undefined) return;
    const taken = rest.subarray(0, data.length - this.#filled);
    data.set(taken, this.#filled);
    this.#filled += taken.length;
    this.#surplus += rest.length - taken.length;
  }

  finish(): IdxArray {
    if (this.#data === undefined) {
      throw this.#wrong('an IDX header', `${this.#header.length} bytes in all`);
    }
    if (this.#filled < this.#data.length || this.#surplus > 0) {
      const came = this.#filled + this.#surplus;
      throw this.#wrong(`${this.#data.length} bytes of data (${this.#dims.join('×')})`, `${came}`);
    }
    return { dims: this.#dims, data: this.#data };
  }

  /** Reads the header once it is complete, and allocates. Returns its size, or nothing while bytes are missing. */
  #parseHeader(bytes: Uint8Array): number | undefined {
    if (bytes.length < 4) return undefined;
    const [zero0, zero1, type, rank = 0] = bytes;
    if (zero0 !== 0 || zero1 !== 0 || rank < 1 || rank > MAX_RANK) {
      const magic = [...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, '0')).join(' ');
      throw this.#wrong('the IDX magic 00 00 08 and a rank from 1 to 8', magic);
    }
    if (type !== UNSIGNED_BYTE) {
      throw this.#wrong(
        'unsigned bytes (IDX type 0x08)',
        `type 0x${(type ?? 0).toString(16).padStart(2, '0')}`,
      );
    }
    const headerSize = 4 + 4 * rank;
    if (bytes.length < headerSize) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#dims = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
    const size = this.#dims.reduce((product, dim) => product * dim, 1);
    const claim = `${size} bytes (${this.#dims.join('×')})`;
    if (size > this.#maxBytes)
      throw this.#wrong(`at most ${this.#maxBytes} bytes of data`, `a header for ${claim}`);
    if (headerSize + size > this.#available) {
      throw this.#wrong(`a header that fits the file`, `one for ${claim}, more than the file can hold`);
    }
    this.#data = new Uint8Array(size);
    return headerSize;
  }

  #wrong(wanted: string, got: string): WrongDataError {
    return new WrongDataError({ op: `readIdx ${this.#file}`, wanted, got, fix: this.#fix });
  }
}

/**
 * Parses IDX that is in memory and not gzipped.
 *
 * @throws WrongDataError if it is not an IDX array of unsigned bytes, or its size is not what its header says
 */
export function parseIdx(bytes: Uint8Array, name = 'bytes'): IdxArray {
  const assembler = new IdxAssembler(name, bytes.length, Infinity, DEFAULT_FIX);
  assembler.push(bytes);
  return assembler.finish();
}

/**
 * Reads an IDX file, gzipped or not (told by its first two bytes, not by its name), in one pass.
 *
 * @returns the array and the MD5 of the file as it lies on disk
 * @throws MissingDataError if there is no such file
 * @throws WrongDataError if its MD5, format or size is wrong, or it would unpack to more than `maxBytes`
 */
export async function readIdx(
  path: FilePath,
  options: ReadIdxOptions = {},
): Promise<IdxArray & { md5: string }> {
  const { maxBytes = DEFAULT_MAX_BYTES, fix = DEFAULT_FIX } = options;
  const file = pathOf(path);
  const op = `readIdx ${file}`;
  const size = await fileSize('readIdx', path, fix);
  const zipped = await isGzip(path).catch((error: unknown) => {
    throw missing('readIdx', 'a readable file', path, fix, error);
  });
  const assembler = new IdxAssembler(file, zipped ? size * MAX_INFLATION : size, maxBytes, fix);
  const hash = createHash('md5');
  const source = createReadStream(path, { highWaterMark: CHUNK });
  const hashed = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  const consume = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of chunks) assembler.push(chunk);
  };
  try {
    if (zipped) await pipeline(source, hashed, createGunzip({ chunkSize: CHUNK }), consume);
    else await pipeline(source, hashed, consume);
  } catch (error) {
    if (error instanceof DatasetError) throw error;
    const got = `${size} bytes of which it cannot be made (${reasonOf(error)})`;
    throw new WrongDataError({ op, wanted: 'a whole IDX file', got, fix, cause: error });
  }
  const md5 = hash.digest('hex');
  if (options.md5 !== undefined) checkMd5('readIdx', file, md5, options.md5, fix);
  return { ...assembler.finish(), md5 };
}

async function isGzip(path: FilePath): Promise<boolean> {
  const handle = await open(path);
  try {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

/** Options of `openIdx`. */
export interface OpenIdxOptions {
  /** An IDX file of rank 3: [N, height, width]. */
  readonly images: FilePath;
  /** An IDX file of rank 1: [N]. */
  readonly labels?: FilePath;
  /** Default: the base name of `images`. */
  readonly name?: string;
  readonly classes?: readonly string[];
  /** The most bytes that either file may unpack to. Default 1 GiB. */
  readonly maxBytes?: number;
}

/**
 * Opens grey images, and labels if there are any, from IDX files (MNIST, EMNIST, KMNIST, …).
 *
 * @throws MissingDataError, WrongDataError as `readIdx`; WrongDataError if the ranks or the counts do not agree
 */
export async function openIdx(options: OpenIdxOptions): Promise<MemoryDataset> {
  const limit = options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes };
  const images = await readIdx(options.images, limit);
  const [, height = 0, width = 0] = expectRank(images, 3, options.images);
  const imagesFile = basename(pathOf(options.images));
  const hashes: Record<string, string> = { [imagesFile]: `md5:${images.md5}` };
  let labels: Uint8Array | undefined;
  if (options.labels !== undefined) {
    const read = await readIdx(options.labels, limit);
    expectRank(read, 1, options.labels);
    hashes[basename(pathOf(options.labels))] = `md5:${read.md5}`;
    labels = read.data;
  }
  return memoryDataset({
    name: options.name ?? imagesFile,
    images: images.data,
    channels: 1,
    height,
    width,
    ...(labels && { labels }),
    ...(options.classes && { classes: options.classes }),
    provenance: { source: pathOf(options.images), hashes, operations: [] },
  });
}

function expectRank({ dims }: IdxArray, rank: 1 | 3, path: FilePath): readonly number[] {
  if (dims.length === rank) return dims;
  throw new WrongDataError({
    op: `openIdx ${pathOf(path)}`,
    wanted: rank === 3 ? 'images of rank 3, [N, height, width]' : 'labels of rank 1, [N]',
    got: `rank ${dims.length}, [${dims.join(', ')}]`,
    fix: 'check that images and labels are not exchanged',
  });
}
