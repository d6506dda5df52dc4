/** `data` of a run's config: what @immiscible/datasets opens, with what runs need to know of it filled in. */
import { CELEBA_CROPS, type CelebACrop, type DatasetSpec, TOY_2D_SHAPES } from '@immiscible/datasets';
import { z } from 'zod';

const count = z.int().min(1);
const path = z.string().min(1);
const square = z.strictObject({ left: z.int().min(0), top: z.int().min(0), size: count });
const onCorrupt = z.enum(['error', 'skip']).default('error');
const celebaCrops = Object.keys(CELEBA_CROPS) as CelebACrop[];

export const dataSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('fashion-mnist'),
    split: z.enum(['train', 'test']).default('train'),
    size: z.literal([28, 32, 16, 8]).default(32),
  }),
  z.strictObject({
    kind: z.literal('cifar10'),
    path,
    split: z.enum(['train', 'test']).default('train'),
    size: z.literal([32, 16, 8]).default(32),
    verify: z.boolean().default(true),
  }),
  z.strictObject({
    kind: z.literal('celeba'),
    path,
    split: z.enum(['train', 'valid', 'test', 'all']).default('train'),
    size: count.default(64),
    crop: z
      .union([z.enum(celebaCrops), square], {
        error: `wants ${celebaCrops.map((name) => `"${name}"`).join(', ')} or { left, top, size }`,
      })
      .default('centre-140'),
    /** attributes that become labels */
    attributes: z.array(z.string().min(1)).max(8).default([]),
    onCorrupt,
  }),
  z.strictObject({
    kind: z.literal('tiny-imagenet'),
    path,
    split: z.enum(['train', 'val']).default('train'),
    size: count.default(64),
    onCorrupt,
  }),
  z.strictObject({
    kind: z.literal('image-folder'),
    path,
    size: count,
    crop: z
      .union([z.enum(['centre', 'stretch']), square], {
        error: 'wants "centre", "stretch" or { left, top, size }',
      })
      .default('centre'),
    channels: z.literal([1, 3]).default(3),
    onCorrupt,
  }),
  z.strictObject({ kind: z.literal('idx'), images: path, labels: path.exactOptional() }),
  z.strictObject({
    kind: z.literal('toy-2d'),
    shape: z.enum(TOY_2D_SHAPES),
    points: count.default(20_000),
    /** of the points themselves; arms and seeds of a run see the same ones */
    seed: z.int().min(0).default(0),
  }),
]) satisfies z.ZodType<DatasetSpec>;
