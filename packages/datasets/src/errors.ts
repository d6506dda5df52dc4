/**
 * Everything that can be wrong with a data set, as one small hierarchy.
 *
 * A message always says the operation, what was wanted, what came, and what to do about it, because whoever reads
 * it has a folder in front of him and not this source.
 */

/** The four parts of every message. */
export interface Complaint {
  /** The function that complains. */
  readonly op: string;
  readonly wanted: string;
  readonly got: string;
  /** What the reader can do. */
  readonly fix: string;
  readonly cause?: unknown;
}

/** The base: catch this to catch whatever this package throws on purpose. */
export class DatasetError extends Error {
  override readonly name: string = 'DatasetError';

  constructor({ op, wanted, got, fix, cause }: Complaint) {
    super(`${op}: wanted ${wanted}, got ${got}; ${fix}`, cause === undefined ? undefined : { cause });
  }
}

/** A file or folder is not there, or cannot be read. */
export class MissingDataError extends DatasetError {
  override readonly name = 'MissingDataError';
}

/** A file is there and is not what it should be: its size, its MD5, its format. */
export class WrongDataError extends DatasetError {
  override readonly name = 'WrongDataError';
}

/** One image cannot be decoded whole. `file` names it. */
export class CorruptImageError extends DatasetError {
  override readonly name = 'CorruptImageError';
  readonly file: string;

  constructor(file: string, complaint: Complaint) {
    super(complaint);
    this.file = file;
  }
}

/** The set holds fewer images than were asked of it. */
export class TooFewImagesError extends DatasetError {
  override readonly name = 'TooFewImagesError';
}

/** An option, index or state that the caller passed is out of its range. */
export class DatasetOptionError extends DatasetError {
  override readonly name = 'DatasetOptionError';
}

/** The text of anything that was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
