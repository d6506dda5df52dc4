/**
 * One worker that pairs batches: requests go out, answers come back in any number, and when it dies everybody who
 * waits is told.
 */
import { AssignmentError } from '../errors.ts';
import { type StoredSeedsState } from '../stored-seeds.ts';
import {
  type Paired,
  type PairAnswer,
  type PairRequest,
  type SeedsMessage,
  unpackError,
} from './messages.ts';
import { adopt, type ForeignWorker, startThread, type Thread } from '../worker-thread.ts';
import { workerBody } from './worker-body.ts';

interface Waiting {
  readonly resolve: (paired: Paired) => void;
  readonly reject: (error: Error) => void;
}

export class AssignmentWorker {
  readonly #thread: Thread;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #ended: AssignmentError | undefined;

  /**
   * @param seeds what data hold, for batches that name theirs
   * @throws AssignmentError `worker-failure` where there are no threads; whatever `make` throws
   */
  constructor(make?: () => ForeignWorker, seeds?: StoredSeedsState) {
    const events = {
      onMessage: (message: unknown): void => this.#settle(message as PairAnswer),
      onDeath: (reason: string): void =>
        this.#end(
          new AssignmentError(
            'worker-failure',
            `lookAhead: the worker ended before it had paired what was ahead (${reason}); start a new look-ahead from the batch after the last that came`,
          ),
        ),
    };
    this.#thread = make ? adopt(make(), events) : startThread(workerBody(), 'immiscible look-ahead', events);
    if (seeds) this.#thread.post({ seeds } satisfies SeedsMessage, []);
  }

  /**
   * Pairs one batch.
   *
   * @param transfer buffers of the request that move to the worker
   * @throws whatever `assignNoise` throws over there; AssignmentError `worker-failure` when the worker dies
   */
  pair(request: Omit<PairRequest, 'id'>, transfer: ArrayBuffer[]): Promise<Paired> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      const id = this.#next++;
      this.#thread.post({ ...request, id } satisfies PairRequest, transfer);
      this.#waiting.set(id, { resolve, reject });
    });
  }

  /** Whether the process must not end while the worker is at work (Node): true while somebody waits for it. */
  hold(alive: boolean): void {
    if (!this.#ended) this.#thread.hold(alive);
  }

  /** Ends the worker; whoever waits is told. */
  async close(): Promise<void> {
    this.#end(new AssignmentError('worker-failure', 'lookAhead: it was closed'));
    await this.#thread.close();
  }

  #settle(answer: PairAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('paired' in answer) waiting?.resolve(answer.paired);
    else waiting?.reject(unpackError(answer.failed));
  }

  #end(error: AssignmentError): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}
