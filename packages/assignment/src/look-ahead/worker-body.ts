/**
 * The worker as a string, so that it starts alike in Node, in browsers, from sources and out of anybody's bundle.
 *
 * This is what sources use: it bundles `worker.ts` when the first worker starts. In what is published the build puts
 * the bundled string in this module's place (bundle-worker.ts), and nothing is bundled at run time.
 */
import { bundleWorker } from './bundle-worker.ts';

let bundled: string | undefined;

/** A classic script that answers {@link PairRequest}s. */
export function workerBody(): string {
  return (bundled ??= bundleWorker());
}
