/**
 * `objective` of a run's config: which objective, with its own numbers. What the scheduler's config says (σ_min, σ_max, ρ,
 * σ_data, T, the β) is taken from there, so that training and sampling cannot differ in it.
 */
import { z } from 'zod';

const count = z.int().min(1);
const path = z.string().min(1);

const distance = z.discriminatedUnion('kind', [
  /** the mean squared difference */
  z.strictObject({ kind: z.literal('l2') }),
  /** `c` is 0.00054 · √(C·H·W) where omitted */
  z.strictObject({ kind: z.literal('pseudo-huber'), c: z.number().positive().exactOptional() }),
  /** files of the published weights, which are not part of any package: see `readLpipsWeights` of @immiscible/metrics-fid */
  z.strictObject({
    kind: z.literal('lpips'),
    backbone: path,
    heads: path,
    /** of files that hold the same weights in another format */
    sha256: z.strictObject({ backbone: path.exactOptional(), heads: path.exactOptional() }).exactOptional(),
    /** height and width that images are compared at; null: their own */
    resize: z.int().min(16).nullable().default(224),
  }),
]);

/** ln σ ~ N(meanLog, stdLog²): the papers' P_mean and P_std. */
const logNormal = (meanLog: number, stdLog: number) => ({
  meanLog: z.number().default(meanLog),
  stdLog: z.number().positive().default(stdLog),
});

/** K: the update at which the number of σ stops growing; `training.steps` where omitted. */
const totalSteps = count.exactOptional();

export const objectiveSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('denoising'),
    /** standard deviation of a number a channel that is added to the assigned noise */
    offsetNoise: z.number().min(0).default(0),
  }),
  z.strictObject({
    kind: z.literal('consistency-training'),
    s0: z.int().min(2).default(2),
    s1: z.int().min(2).default(150),
    mu0: z.number().min(0).lt(1).default(0.9),
    totalSteps,
    distance: distance.default({ kind: 'l2' }),
  }),
  z.strictObject({
    kind: z.literal('improved-consistency-training'),
    s0: z.int().min(2).default(10),
    s1: z.int().min(2).default(1280),
    totalSteps,
    ...logNormal(-1.1, 2),
    distance: distance.default({ kind: 'pseudo-huber' }),
  }),
  z.strictObject({
    kind: z.literal('easy-consistency-tuning'),
    /** a diffusers pipeline folder, or a run's checkpoint: where the weights come from */
    from: path,
    ...logNormal(-1.1, 2),
    q: z.number().gt(1).default(2),
    k: z.number().min(0).default(8),
    b: z.number().min(0).default(1),
    /** updates of a stage; an eighth of `training.steps` where omitted */
    stageSteps: count.exactOptional(),
    /** of the pseudo-Huber distance; so small a c makes it the l2 norm, as the paper's */
    c: z.number().positive().default(1e-6),
  }),
  z.strictObject({ kind: z.literal('edm'), ...logNormal(-1.2, 1.2) }),
  z.strictObject({
    kind: z.literal('flow-matching'),
    times: z
      .discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('uniform') }),
        z.strictObject({
          kind: z.literal('logit-normal'),
          mean: z.number().default(0),
          std: z.number().positive().default(1),
        }),
      ])
      .default({ kind: 'uniform' }),
  }),
]);

export type ObjectiveConfig = z.output<typeof objectiveSchema>;
export type DistanceConfig = z.output<typeof distance>;
