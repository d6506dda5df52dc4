/** The recordings of golden/generate_samplers.py. */
import { readFileSync } from 'node:fs';
import { type SchedulerConfigInput } from '../src/config.ts';

interface SamplersGolden {
  readonly runs: readonly {
    readonly config: SchedulerConfigInput;
    readonly steps: number;
    readonly timesteps?: readonly number[];
    readonly mu?: number;
    /** how many samples x holds, where that matters */
    readonly samples?: number;
    /** x before the first call */
    readonly begin: readonly number[];
    /** what the network is told at each call, and x after it */
    readonly calls: readonly { readonly t: number; readonly x: readonly number[] }[];
  }[];
  readonly config_files: readonly string[];
}

export const samplersGolden = JSON.parse(
  readFileSync(new URL('../golden/samplers.json', import.meta.url), 'utf8'),
) as SamplersGolden;
