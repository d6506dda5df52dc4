/**
 * The samplers by the names that people call them by, and which of them fit what a model was trained for: networks that
 * predict at the timesteps of a noise schedule share theirs, the others have one each.
 */
import {
  asScheduler,
  compatibleSchedulers,
  defaultSteps,
  parseSchedulerConfig,
  type SchedulerConfig,
  type SchedulerName,
} from '@immiscible/schedulers';
import { SampleError } from '../errors.ts';

const classes = {
  ddim: 'DDIMScheduler',
  ddpm: 'DDPMScheduler',
  pndm: 'PNDMScheduler',
  euler: 'EulerDiscreteScheduler',
  heun: 'HeunDiscreteScheduler',
  'dpm++': 'DPMSolverMultistepScheduler',
  cm: 'CMStochasticIterativeScheduler',
  edm: 'EDMHeunScheduler',
  flow: 'FlowMatchEulerDiscreteScheduler',
} as const satisfies Readonly<Record<string, SchedulerName>>;

/** What a sampler is called, on the command line as well. */
export type SamplerName = keyof typeof classes;

/** Every sampler there is. */
export const samplerNames = Object.keys(classes) as readonly SamplerName[];

/** The samplers that may be told which noise levels to take. */
const withKarras: readonly SamplerName[] = ['euler', 'heun', 'dpm++', 'flow'];

/** As few steps as give good samples with the samplers that are made for few. */
const FEW = 20;

/** The name of a scheduler's sampler. */
export function samplerOf({ _class_name: name }: Pick<SchedulerConfig, '_class_name'>): SamplerName {
  return samplerNames.find((sampler) => classes[sampler] === name)!;
}

/** The samplers that fit a model whose folder or run has this scheduler, its own among them. */
export function samplersFor(scheduler: SchedulerConfig): readonly SamplerName[] {
  return compatibleSchedulers(scheduler).map((name) => samplerOf({ _class_name: name }));
}

/** Steps where nobody says how many: all of the schedule for ddpm, one for cm, what its config says for edm, else 20. */
export function stepsOf(scheduler: SchedulerConfig): number {
  return defaultSteps(scheduler) ?? FEW;
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

/** @throws SampleError where the sampler does not fit a model with this scheduler, with those that do */
function checkFits(scheduler: SchedulerConfig, name: SamplerName): void {
  const fitting = samplersFor(scheduler);
  if (fitting.includes(name)) return;
  throw new SampleError(
    `sample: a model with ${scheduler._class_name} is sampled with ${list(fitting)}, not with ${name}, for which networks learn something else`,
  );
}

/**
 * The config to sample with: the model's own scheduler under another one's name, as diffusers' `from_config` has it.
 *
 * @param scheduler what the model was trained with, as its folder or run has it
 * @param sampler a name, or a whole config to take as it is; the scheduler's own where omitted
 * @param karras Karras et al.'s noise levels in place of the schedule's
 * @throws SampleError where the sampler does not fit the model, with those that do, or cannot choose its noise levels;
 *   SchedulerConfigError where it does not support a field of the scheduler
 */
export function schedulerFor(
  scheduler: SchedulerConfig,
  sampler: SamplerName | SchedulerConfig = scheduler,
  { karras = false }: { readonly karras?: boolean } = {},
): SchedulerConfig {
  const name = typeof sampler === 'string' ? sampler : samplerOf(sampler);
  checkFits(scheduler, name);
  const config = typeof sampler === 'string' ? asScheduler(scheduler, classes[name]) : sampler;
  if (!karras) return config;
  if (!withKarras.includes(name)) {
    throw new SampleError(
      name === 'cm' || name === 'edm'
        ? `sample: ${name} has Karras’ noise levels as it is; leave them out`
        : `sample: Karras’ noise levels are for ${list(withKarras)}; ${name} keeps to its own`,
    );
  }
  return parseSchedulerConfig({ ...config, use_karras_sigmas: true, use_exponential_sigmas: false });
}

/** The same with another S_churn. @throws SampleError for a sampler that does not churn */
export function withChurn(scheduler: SchedulerConfig, churn: number | undefined): SchedulerConfig {
  if (churn === undefined) return scheduler;
  if (scheduler._class_name !== 'EDMHeunScheduler') {
    throw new SampleError(`sample: churn is for edm, not for ${samplerOf(scheduler)}; leave it out`);
  }
  return { ...scheduler, S_churn: churn };
}
