/**
 * Errors across processes: what goes wrong on one rank is told to all before they wait for an array that would never
 * come, so that either every rank goes on or every rank throws.
 */
import { AssignmentError, type AssignmentErrorCode } from '../errors.ts';
import { type GroupArray, type ProcessGroup } from './process-group.ts';

/** Plain data, as JSON writes it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

type Note =
  { readonly said: Json } | { readonly failed: { readonly code?: string; readonly message: string } };

/** A group whose own failures say what they interrupted. */
export class Agreement {
  readonly #group: ProcessGroup;

  constructor(group: ProcessGroup) {
    this.#group = group;
  }

  /**
   * Has every rank do its part, and tells all what came of it.
   *
   * @param part what to do here; it gives what the others should know
   * @returns what every rank's part gave, by rank
   * @throws what `part` threw, here; on the other ranks AssignmentError with its code and the rank in its message
   */
  async all<T extends Json>(part: () => Promise<T> | T): Promise<T[]> {
    const { note, error } = await attempt(part);
    const told = this.collect('allGather', (group) => group.allGather(encode(note)));
    if (error !== undefined) await rethrow(error, told);
    const notes = await told;
    return notes.map((bytes, rank) => read<T>(bytes, rank));
  }

  /** As {@link all}, for a part that only `root` has. @returns what root's part gave, on every rank */
  async one<T extends Json>(root: number, part: () => Promise<T> | T): Promise<T> {
    const own: Awaited<ReturnType<typeof attempt>> =
      this.#group.rank === root ? await attempt(part) : { note: { said: null }, error: undefined };
    const told = this.collect('broadcast', (group) => group.broadcast(encode(own.note), root));
    if (own.error !== undefined) await rethrow(own.error, told);
    return read<T>(await told, root);
  }

  /** An operation of the group. @throws AssignmentError `process-failure` where the group's own error is the cause */
  async collect<T extends GroupArray | GroupArray[]>(
    name: string,
    operation: (group: ProcessGroup) => Promise<T>,
  ): Promise<T> {
    const { rank, size } = this.#group;
    try {
      return await operation(this.#group);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new AssignmentError(
        'process-failure',
        `assignAcross: ${name} failed on rank ${rank} of ${size}: ${reason}; end all ranks and resume from a checkpoint`,
      );
    }
  }
}

async function attempt(
  part: () => Promise<Json> | Json,
): Promise<{ note: Note; error: { thrown: unknown } | undefined }> {
  try {
    return { note: { said: await part() }, error: undefined };
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const code = thrown instanceof AssignmentError ? { code: thrown.code } : {};
    return { note: { failed: { message, ...code } }, error: { thrown } };
  }
}

/** Throws what went wrong here once the others know, or can no longer be told. */
async function rethrow({ thrown }: { thrown: unknown }, told: Promise<unknown>): Promise<never> {
  await told.catch(() => undefined);
  throw thrown;
}

function encode(note: Note): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(note));
}

function read<T extends Json>(bytes: Uint8Array, rank: number): T {
  const note = JSON.parse(new TextDecoder().decode(bytes)) as Note;
  if ('said' in note) return note.said as T;
  const { code = 'process-failure', message } = note.failed;
  throw new AssignmentError(code as AssignmentErrorCode, `assignAcross: rank ${rank} failed: ${message}`);
}
