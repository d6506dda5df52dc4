/** Options that stand over fields of a config, for the commands that train. */
import { type RunConfig } from '@immiscible/trainer';
import { type Command, Option } from 'commander';
import { type JsonObject } from './config-file.ts';
import { UsageError } from './errors.ts';
import { deviceOption, gather, wholeNumber } from './options.ts';

export interface ConfigFlags {
  readonly set: readonly string[];
  readonly seed?: number;
  readonly device?: string;
  readonly threads?: number;
  readonly precision?: RunConfig['precision'];
}

/** `--set`, `--seed`, `--precision`, `--device`, `--threads` */
export function addConfigOptions(command: Command): Command {
  return command
    .option('--set <path=value>', 'change one field of the config; may be given again', gather, [])
    .option('--seed <number>', 'seed of everything that is drawn', wholeNumber(0))
    .addOption(
      new Option(
        '--precision <kind>',
        'what the network computes in: f32, or f16 on weights that stay f32, with a loss scale that finds itself',
      ).choices(['f32', 'f16']),
    )
    .addOption(deviceOption())
    .option('--threads <number>', 'CPU threads (default: all)', wholeNumber(1));
}

/** The fields that were given. */
export function overridesOf({ seed, device, threads, precision }: ConfigFlags): JsonObject {
  return {
    ...(seed === undefined ? {} : { seed }),
    ...(device === undefined ? {} : { device }),
    ...(threads === undefined ? {} : { threads }),
    ...(precision === undefined ? {} : { precision }),
  };
}

/** @throws UsageError for options that would change the numbers of a run that is continued */
export function checkKeepsConfig({ set, seed, precision }: ConfigFlags): void {
  if (set.length > 0 || seed !== undefined || precision !== undefined) {
    throw new UsageError(
      'a resumed run keeps its config: leave --set, --seed and --precision out, or start a new run with --name',
    );
  }
}
