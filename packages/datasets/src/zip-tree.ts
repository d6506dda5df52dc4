/**
 * A zip archive as a tree of files, read in place: nothing is ever written to disk.
 *
 * The archive may come from anyone. yauzl refuses names that lead elsewhere (`..`, absolute ones), directories and files
 * that reach beyond the archive, and members that unpack to another size than they announce; here come limits on the
 * number of members and on the size that one may announce, before it is given room, one member per name, and the CRC-32.
 */
import { close, openSync, read } from 'node:fs';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import { DatasetError, MissingDataError, reasonOf, WrongDataError } from './errors.ts';
import { type FileTree } from './file-tree.ts';
import { fileSize } from './read-file.ts';

/** Ten times the largest set that is read here (CelebA: 202,599). */
const MAX_MEMBERS = 2_000_000;
/** Far beyond any image or list. */
const MAX_BYTES = 64 * 2 ** 20;
const CHUNK = 2 ** 18;
const readAsync = promisify(read);

/**
 * Opens an archive and reads its directory.
 *
 * @param op the reader, for errors
 * @param fix what the user can do about a bad archive
 * @throws MissingDataError if there is no such file
 * @throws WrongDataError if it is no zip archive, is cut short, or holds what it must not
 */
export async function zipTree(op: string, path: string, fix: string): Promise<FileTree> {
  const bytes = await fileSize(op, path, fix);
  const wrong = (wanted: string, got: string, cause?: unknown): WrongDataError =>
    new WrongDataError({ op, wanted, got, fix, cause });
  const { zip, reader } = await openZip(path, bytes).catch((error: unknown) => {
    throw wrong('a zip archive', `${bytes} bytes at ${path} (${reasonOf(error)})`, error);
  });
  const folders = new Map<string, Map<string, Entry>>();
  try {
    for await (const entry of zip.eachEntry()) {
      if (zip.entriesRead > MAX_MEMBERS) throw wrong(`at most ${MAX_MEMBERS} members`, `more in ${path}`);
      if (entry.fileName.endsWith('/')) continue;
      const [folder, name] = splitPath(entry.fileName);
      const members = folders.get(folder) ?? new Map<string, Entry>();
      if (members.has(name)) throw wrong('one member of each name', `two ${entry.fileName} in ${path}`);
      members.set(name, memberOf(entry));
      folders.set(folder, members);
    }
  } catch (error) {
    zip.close();
    if (error instanceof DatasetError) throw error;
    throw wrong('a zip archive whose directory is whole', `${path} (${reasonOf(error)})`, error);
  }
  reader.ahead = 0; // members lie anywhere

  return {
    path,
    files(folder) {
      const members = [...(folders.get(folder) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
      return Promise.resolve(
        new Map(members.map(([name, { uncompressedSize }]) => [name, uncompressedSize])),
      );
    },
    async read(file) {
      const [folder, name] = splitPath(file);
      const member = folders.get(folder)?.get(name);
      if (member === undefined) {
        throw new MissingDataError({ op, wanted: `${file} in the archive`, got: `${path} without it`, fix });
      }
      if (member.uncompressedSize > MAX_BYTES) {
        throw wrong(
          `at most ${MAX_BYTES} bytes in a member`,
          `${member.uncompressedSize} of ${file} in ${path}`,
        );
      }
      try {
        return await readMember(zip, member);
      } catch (error) {
        throw wrong('a whole member of the archive', `${file} of ${path} (${reasonOf(error)})`, error);
      }
    },
    close() {
      zip.close();
      return Promise.resolve();
    },
  };
}

/** Names with backslashes or that lead out of the archive are refused; the file stays open until `close`. */
async function openZip(path: string, bytes: number): Promise<{ zip: ZipFile; reader: BlockReader }> {
  const reader = new BlockReader(openSync(path, 'r'));
  try {
    const options = { autoClose: false, lazyEntries: true, strictFileNames: true };
    return { zip: await fromRandomAccessReaderPromise(reader, bytes, options), reader };
  } catch (error) {
    reader.close(() => undefined);
    throw error;
  }
}

/**
 * The file behind an archive. yauzl asks for its directory in pieces of a few dozen bytes, half a million of them for CelebA:
 * while `ahead` is not 0 they come out of blocks of that size.
 */
class BlockReader extends RandomAccessReader {
  ahead = 2 ** 20;
  readonly #descriptor: number;
  #block = Buffer.alloc(0);
  #from = 0;

  constructor(descriptor: number) {
    super();
    this.#descriptor = descriptor;
  }

  override read(
    out: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    const copy = (): boolean => {
      const at = position - this.#from;
      if (at < 0 || at + length > this.#block.length) return false;
      this.#block.copy(out, offset, at, at + length);
      return true;
    };
    if (copy()) {
      process.nextTick(done, null);
      return;
    }
    const block = Buffer.allocUnsafe(Math.max(length, this.ahead));
    read(this.#descriptor, block, 0, block.length, position, (error, count) => {
      this.#block = block.subarray(0, error ? 0 : count);
      this.#from = position;
      done(error ?? (copy() ? null : new Error('unexpected end of file')));
    });
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#chunks(start, end));
  }

  async *#chunks(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end;) {
      const block = Buffer.allocUnsafe(Math.min(CHUNK, end - at));
      const { bytesRead } = await readAsync(this.#descriptor, block, 0, block.length, at);
      if (bytesRead === 0) return; // who reads sees that bytes are missing
      yield block.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  override close(done: (error: Error | null) => void): void {
    close(this.#descriptor, (error) => done(error ?? null));
  }
}

function splitPath(file: string): [string, string] {
  const slash = file.lastIndexOf('/');
  return slash < 0 ? ['', file] : [file.slice(0, slash), file.slice(slash + 1)];
}

/** What reading a member takes, and no more: hundreds of thousands of them stay in memory. */
function memberOf(entry: Entry): Entry {
  const { compressedSize, uncompressedSize, compressionMethod, crc32 } = entry;
  const { generalPurposeBitFlag, relativeOffsetOfLocalHeader } = entry;
  return Object.assign(new Entry(), {
    compressedSize,
    uncompressedSize,
    compressionMethod,
    crc32,
    generalPurposeBitFlag,
    relativeOffsetOfLocalHeader,
  });
}

async function readMember(zip: ZipFile, member: Entry): Promise<Uint8Array> {
  const size = member.uncompressedSize;
  const bytes = new Uint8Array(size);
  let filled = 0;
  const stream: AsyncIterable<Uint8Array> = await zip.openReadStreamPromise(member);
  for await (const chunk of stream) {
    if (filled + chunk.length > size) throw new Error(`more than the ${size} bytes that it announces`);
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled < size) throw new Error(`${filled} of ${size} bytes`);
  if (crc32(bytes) !== member.crc32) throw new Error('its CRC-32 is another');
  return bytes;
}
