/**
 * Some members of a `.tar.gz`, streamed: the archive is never unpacked to disk nor held whole in memory, and the size
 * that a member announces is checked before it is given room.
 */
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { DatasetError, MissingDataError, reasonOf, WrongDataError } from './errors.ts';
import { fileSize, md5Of } from './read-file.ts';

/** A file of the archive. */
export interface ArchiveMember {
  /** Base name. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Lower-case hex. */
  readonly md5: string;
}

const OP = 'openCifar10';
/** Three times what the published archive unpacks to: whatever goes beyond is something else. */
const MAX_UNPACKED = 512 * 2 ** 20;

/**
 * Reads members by their base names.
 *
 * @param checkSize throws if a member of that name must not have that size
 * @returns the members in the order of `names`
 * @throws MissingDataError if the archive or a member is not there
 * @throws WrongDataError if the archive is cut short, damaged, no `.tar.gz`, or unpacks beyond 512 MiB
 */
export async function readCifarArchive(
  path: string,
  names: readonly string[],
  checkSize: (name: string, size: number) => void,
  fix: string,
): Promise<ArchiveMember[]> {
  const packed = await fileSize(OP, path, fix);
  const found = new Map<string, ArchiveMember>();
  const entries = extract();
  let unpacked = 0;
  const limited = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      unpacked += chunk.length;
      if (unpacked > MAX_UNPACKED) {
        const got = `more from ${path}`;
        throw new WrongDataError({ op: OP, wanted: `at most ${MAX_UNPACKED} unpacked bytes`, got, fix });
      }
      yield chunk;
    }
  };
  const collect = async (): Promise<void> => {
    for await (const entry of entries) {
      const name = basename(entry.header.name);
      if (entry.header.type !== 'file' || !names.includes(name)) {
        entry.resume();
        continue;
      }
      const size = entry.header.size ?? 0;
      checkSize(name, size);
      const bytes = new Uint8Array(size);
      let filled = 0;
      for await (const chunk of entry as AsyncIterable<Uint8Array>) {
        bytes.set(chunk, filled);
        filled += chunk.length;
      }
      found.set(name, { name, bytes, md5: md5Of(bytes) });
    }
  };
  try {
    await Promise.all([pipeline(createReadStream(path), createGunzip(), limited, entries), collect()]);
  } catch (error) {
    if (error instanceof DatasetError) throw error;
    const got = `${packed} bytes at ${path} that end or break early (${reasonOf(error)})`;
    throw new WrongDataError({ op: OP, wanted: 'a whole .tar.gz', got, fix, cause: error });
  }
  return names.map((name) => {
    const member = found.get(name);
    if (member !== undefined) return member;
    throw new MissingDataError({ op: OP, wanted: `${name} in the archive`, got: `${path} without it`, fix });
  });
}
