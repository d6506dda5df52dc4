/** Studies by name, as recipes are: what `immiscible study` runs without a file. */
import { type StudyConfigInput } from '../config.ts';
import { smallScale } from './small-scale.ts';

export const studies = {
  'small-scale': smallScale,
} as const satisfies Readonly<Record<string, StudyConfigInput>>;
