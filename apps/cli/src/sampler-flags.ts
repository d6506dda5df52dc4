/** How to sample, as `sample` and `evaluate` are told it: the options, and what they come to for a model. */
import { modelCalls, SchedulerArgumentError, type SchedulerConfig } from '@immiscible/schedulers';
import {
  nullLabelOf,
  type Pipeline,
  type RunConfig,
  type SampleOptions,
  type SamplerName,
  samplerNames,
  samplerOf,
  schedulerFor,
  stepsOf,
} from '@immiscible/trainer';
import { type Command, Option } from 'commander';
import { UsageError } from './errors.ts';
import { deviceOption, numberFrom, wholeNumber, wholeNumbers } from './options.ts';

export interface SamplerFlags {
  readonly sampler?: SamplerName;
  readonly karras?: true;
  readonly eta?: number;
  readonly churn?: number;
  readonly labels?: readonly number[];
  readonly guidance: number;
  readonly nullLabel?: number;
  readonly batchSize?: number;
  readonly device?: string;
  readonly threads?: number;
}

/** Adds the options that say how to sample. @param batch what stands where `--batch-size` is omitted, for people */
export function addSamplerOptions(command: Command, batch: string): Command {
  return command
    .addOption(
      new Option('--sampler <name>', 'how to sample (default: as the model’s scheduler)').choices(
        samplerNames,
      ),
    )
    .option('--karras', 'Karras’ noise levels, with euler, heun, dpm++ and flow')
    .option('--eta <number>', 'noise that ddim adds: 0 none, 1 as much as ddpm', numberFrom(0, 1))
    .option('--churn <number>', 'noise that edm adds and takes away again: S_churn', numberFrom(0, 1000))
    .option(
      '--labels <list>',
      'classes in turn, for a model that has classes (default: every one in turn)',
      wholeNumbers,
    )
    .option(
      '--guidance <number>',
      'classifier-free guidance: 1 none, more follows the class more closely',
      numberFrom(0, 1000),
      1,
    )
    .option(
      '--null-label <number>',
      'the class that stands for none, for guidance (default: as the run was trained)',
      wholeNumber(0),
    )
    .option(
      '--batch, --batch-size <number>',
      `images at a time; changes none of them (default: ${batch})`,
      wholeNumber(1),
    )
    .addOption(deviceOption())
    .option('--threads <number>', 'CPU threads (default: all)', wholeNumber(1));
}

/** What the options come to for one model. */
export interface Sampling {
  readonly name: SamplerName;
  readonly scheduler: SchedulerConfig;
  /** where nobody says how many */
  readonly steps: number;
  readonly nullLabel: number | undefined;
  readonly options: Pick<SampleOptions, 'eta' | 'churn' | 'guidance'> & { readonly sampler: SchedulerConfig };
}

/**
 * @param config of the run, where the model belongs to one: it says whether labels were dropped
 * @throws SampleError for a sampler that does not fit the model; UsageError for guidance that it cannot have
 */
export function samplingOf(
  { model, scheduler: trained }: Pick<Pipeline, 'model' | 'scheduler'>,
  config: RunConfig | undefined,
  { sampler, karras, eta, churn, guidance, nullLabel }: SamplerFlags,
): Sampling {
  const scheduler = schedulerFor(trained, sampler, { karras: karras === true });
  const none = nullLabel ?? (config && nullLabelOf(config));
  if (guidance !== 1 && model.num_class_embeds !== null && none === undefined) {
    throw new UsageError(
      '--guidance: wants the class that stands for none as well, which a model has if it was trained with one; ' +
        `name it with --null-label (often the last, ${model.num_class_embeds - 1})`,
    );
  }
  return {
    name: samplerOf(scheduler),
    scheduler,
    steps: stepsOf(scheduler),
    nullLabel: none,
    options: {
      sampler: scheduler,
      guidance,
      ...(eta === undefined ? {} : { eta }),
      ...(churn === undefined ? {} : { churn }),
    },
  };
}

/** @throws UsageError for a number of steps that the sampler cannot take */
export function checkSteps({ scheduler }: Sampling, steps: number): void {
  try {
    modelCalls(scheduler, steps);
  } catch (error) {
    if (!(error instanceof SchedulerArgumentError)) throw error;
    throw new UsageError(`--steps: ${error.message}`, { cause: error });
  }
}

/**
 * A label for each sample, for a model with classes.
 *
 * @param seeds the sample's seed chooses its class where no labels are given: every class in turn, but not `nullLabel`
 * @param given labels in turn, whatever the seeds
 * @throws UsageError for a label that the model does not have
 */
export function labelsFor(
  { num_class_embeds: classes }: Pipeline['model'],
  seeds: readonly number[],
  given: readonly number[] | undefined,
  nullLabel?: number,
): { labels?: readonly number[] } {
  if (classes === null) {
    if (given) throw new UsageError('--labels: the model has no classes; leave the option out');
    return {};
  }
  const wrong = given?.find((label) => label >= classes);
  if (wrong !== undefined) {
    throw new UsageError(`--labels: the model has classes 0 to ${classes - 1}, got ${wrong}`);
  }
  if (given) return { labels: seeds.map((_, i) => given[i % given.length]!) };
  const all = Array.from({ length: classes }, (_, label) => label).filter((label) => label !== nullLabel);
  return { labels: seeds.map((seed) => all[seed % all.length]!) };
}
