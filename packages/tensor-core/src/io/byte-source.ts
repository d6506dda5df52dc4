/** Bytes that can be read at any place, from a file or from memory: what the readers of formats are given. */
import type { FileHandle } from 'node:fs/promises';
import { FormatError } from '../errors.ts';

export interface ByteSource {
  /** For messages. */
  readonly name: string;
  readonly size: number;
  /**
   * Exactly these bytes. Of a file, an array of their own; of memory, a view.
   *
   * @throws FormatError where there are fewer
   */
  read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** Node's file system, loaded when it is needed, so that a browser can load what imports this. */
export async function openFile(path: string, flags: 'r' | 'w'): Promise<FileHandle> {
  const { open } = await import('node:fs/promises');
  return open(path, flags);
}

/**
 * @param format begins the messages
 * @throws the system's error where there is no such file
 */
export async function openBytes(format: string, from: string | Uint8Array): Promise<ByteSource> {
  const name = typeof from === 'string' ? from : 'bytes';
  const check = (position: number, length: number, size: number): void => {
    if (position >= 0 && length >= 0 && position + length <= size) return;
    const range = `bytes ${position} to ${position + length}`;
    throw new FormatError(
      `${format}: ${name}: ${range} of ${size} are wanted; the file is cut short or damaged`,
    );
  };
  if (typeof from !== 'string') {
    const { buffer, byteOffset, byteLength: size } = from;
    return {
      name,
      size,
      read: async (position, length) => {
        check(position, length, size);
        return new Uint8Array(buffer as ArrayBuffer, byteOffset + position, length);
      },
      close: async () => undefined,
    };
  }
  const file = await openFile(from, 'r');
  const { size } = await file.stat();
  return {
    name,
    size,
    read: async (position, length) => {
      check(position, length, size);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length;) {
        const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 1 << 30), position + done);
        if (bytesRead === 0) check(position, length, position + done);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => file.close(),
  };
}
