/** How far a compilation is, once it has taken long enough for somebody to wonder. */
import { type CompileProgress } from '@immiscible/tensor-core';

/** Below this nobody is told anything, in milliseconds. */
const PATIENCE = 1000;
/** Time without news after which the next news is of another compilation, in milliseconds. */
const PAUSE = 5000;

const NOUNS: Readonly<Record<CompileProgress['stage'], string>> = {
  measuring: 'variants of kernels',
  compiling: 'kernels',
};

export class CompileDisplay {
  /** What shows a text, and how much of it is done; nothing until there is a display. */
  show: (text: string, done: number, total: number) => void = () => undefined;
  readonly #now: () => number;
  #began = -Infinity;
  #last = -Infinity;
  #stage: CompileProgress['stage'] | undefined;

  /** @param now milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** What `openDevice` takes as `onProgress`. */
  readonly report = ({ stage, done, total }: CompileProgress): void => {
    const now = this.#now();
    if (stage !== this.#stage || done === 1 || now - this.#last > PAUSE) this.#began = now;
    this.#stage = stage;
    this.#last = now;
    if (now - this.#began < PATIENCE) return;
    this.show(`${stage} ${done} of ${total} ${NOUNS[stage]}`, done, total);
  };
}
