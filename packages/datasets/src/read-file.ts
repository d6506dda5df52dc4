/**
 * Reading a file whose size and MD5 are known, with an error that says where to get the right one.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { MissingDataError, reasonOf, WrongDataError } from './errors.ts';

/** A path, or a `file:` URL. */
export type FilePath = string | URL;

/** A path as a person would write it. */
export function pathOf(path: FilePath): string {
  return typeof path === 'string' ? path : fileURLToPath(path);
}

/** Turns what `fs` threw about `path` into a `MissingDataError`. */
export function missing(op: string, wanted: string, path: FilePath, fix: string, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const got = code === 'ENOENT' ? `nothing at ${pathOf(path)}` : reasonOf(error);
  return new MissingDataError({ op, wanted, got, fix, cause: error });
}

/** Size in bytes of a regular file. @throws MissingDataError if there is none */
export async function fileSize(op: string, path: FilePath, fix: string): Promise<number> {
  const info = await stat(path).catch((error: unknown) => {
    throw missing(op, 'a file', path, fix, error);
  });
  if (info.isFile()) return info.size;
  throw new MissingDataError({ op, wanted: 'a file', got: `a folder at ${pathOf(path)}`, fix });
}

/** Whether `path` is a file, a folder, or neither (absent included). */
export async function kindOf(path: string): Promise<'file' | 'folder' | 'neither'> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile()) return 'file';
  return info?.isDirectory() ? 'folder' : 'neither';
}

/** A whole file and its MD5 (lower-case hex). @throws MissingDataError if it cannot be read */
export async function readWithMd5(
  op: string,
  path: FilePath,
  fix: string,
): Promise<{ bytes: Uint8Array; md5: string }> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw missing(op, 'a file', path, fix, error);
  });
  return { bytes, md5: md5Of(bytes) };
}

/** MD5 as lower-case hex. */
export function md5Of(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** @throws WrongDataError if the MD5 is not the one that was wanted */
export function checkMd5(op: string, file: string, got: string, wanted: string, fix: string): void {
  if (got === wanted.toLowerCase()) return;
  throw new WrongDataError({ op, wanted: `MD5 ${wanted} of ${file}`, got: got, fix });
}
