/** What the configs of several architectures have in common: kinds of field, and reading and writing with readable errors. */
import * as z from 'zod';
import { ModelConfigError } from './errors.ts';

/** One of `values`; the message lists them, and says so where diffusers would have taken the value. */
export function oneOf<const V extends readonly string[]>(
  values: V,
  onlyInDiffusers: readonly string[] = [],
): z.ZodEnum<{ [K in V[number]]: K }> {
  return z.enum(values, {
    error: ({ input }) => {
      const known = onlyInDiffusers.includes(String(input))
        ? ' (diffusers has it, this package does not)'
        : '';
      return `wanted ${values.map((v) => `"${v}"`).join(' | ')}, got ${JSON.stringify(input)}${known}`;
    },
  });
}

/** A whole number from 1. */
export const count: z.ZodInt = z.int().min(1);

/** A side length, or [height, width]. */
export const imageSize: z.ZodUnion<readonly [z.ZodInt, z.ZodTuple<[z.ZodInt, z.ZodInt], null>]> = z.union(
  [count, z.tuple([count, count])],
  { error: 'wanted a side length, [height, width] or null' },
);

/** Probability that a unit is dropped. */
export const dropoutRate: z.ZodNumber = z.number().min(0).lt(1);

/** [height, width] of a `sample_size`. */
export function sidesOf(size: number | readonly [number, number]): readonly [number, number] {
  return typeof size === 'number' ? [size, size] : size;
}

/**
 * Reads a config by its schema.
 *
 * @param model the name that messages begin with
 * @param json a file's text, or the object parsed from it
 * @throws ModelConfigError naming each field that is wrong or not supported
 */
export function parseConfig<S extends z.ZodType>(schema: S, model: string, json: unknown): z.output<S> {
  let value = json;
  if (typeof json === 'string') {
    try {
      value = JSON.parse(json);
    } catch (error) {
      throw new ModelConfigError(
        `${model} config: wanted JSON, got text that does not parse (${(error as Error).message})`,
        { cause: error },
      );
    }
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const lines = result.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
    throw new ModelConfigError(`${model} config: ${lines.join('; ')}`);
  }
  return result.data;
}

/** A config as a plain record with sorted keys, without the fields that are undefined. */
export function sortedFields(config: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
