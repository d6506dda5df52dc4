/** Learning-rate schedules under diffusers' names: factors of the base rate by step. */
export interface LearningRateSchedule {
  readonly type: 'constant' | 'cosine';
  /** Steps over which the rate rises from 0 to its full value. */
  readonly warmupSteps: number;
}

/**
 * The factor for the update with index `step` (from 0), as diffusers' `constant_with_warmup` and
 * `get_cosine_schedule_with_warmup` give it.
 *
 * @param totalSteps where the cosine ends
 */
export function learningRateFactor(
  { type, warmupSteps }: LearningRateSchedule,
  step: number,
  totalSteps: number,
): number {
  if (step < warmupSteps) return step / Math.max(1, warmupSteps);
  switch (type) {
    case 'constant':
      return 1;
    case 'cosine': {
      const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
      return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    }
  }
}
