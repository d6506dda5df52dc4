/** The config of any network here: a union told apart by `_class_name`, which is UNet2DModel where it is absent. */
import * as z from 'zod';
import { parseConfig, sortedFields } from './config-fields.ts';
import { mlpConfigSchema } from './mlp-config.ts';
import { ncsnppConfigSchema } from './ncsnpp-config.ts';
import { unet2dConfigSchema } from './unet-2d-config.ts';

const schemas = [unet2dConfigSchema, ncsnppConfigSchema, mlpConfigSchema] as const;

/** zod schema of a model's config; `parseModelConfig` wraps it with readable errors. */
export const modelConfigSchema = z.discriminatedUnion('_class_name', schemas, {
  error: ({ code, input }) => {
    if (code !== 'invalid_union') return undefined;
    const got = JSON.stringify((input as { _class_name?: unknown })._class_name);
    return `wanted "UNet2DModel" | "NCSNpp" | "MLP", got ${got}: no other network is here`;
  },
});

/** A complete config of one of the architectures, every default filled in. */
export type ModelConfig = z.output<typeof modelConfigSchema>;
/** What `parseModelConfig` takes: any of the fields. */
export type ModelConfigInput = z.input<typeof modelConfigSchema>;

/**
 * Reads a `config.json`.
 *
 * @param json the file's text, or the object parsed from it; missing fields get their defaults
 * @throws ModelConfigError naming each field that is wrong or not supported
 */
export function parseModelConfig(json: unknown): ModelConfig {
  return parseConfig(modelConfigSchema, 'model', json);
}

/**
 * The config as it is written: a plain record with sorted keys, ready for `JSON.stringify(…, null, 2)`. Fields that came
 * from a file and are not ours are in it unchanged.
 *
 * @throws ModelConfigError if the config was changed into one that could not be read back
 */
export function toModelConfig(config: ModelConfig): Record<string, unknown> {
  return sortedFields(parseModelConfig(config));
}
