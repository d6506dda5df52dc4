import { describe, expect, it } from 'vitest';
import { golden } from '../test/golden.ts';
import { samplersGolden } from '../test/samplers-golden.ts';
import {
  asScheduler,
  compatibleSchedulers,
  hasBetas,
  parseSchedulerConfig,
  schedulerNames,
  toSchedulerConfig,
} from './config.ts';
import { SchedulerConfigError } from './errors.ts';

describe('scheduler config', () => {
  it.each(golden.config_files)('reads and writes back what diffusers wrote: %#', (file) => {
    const written = toSchedulerConfig(parseSchedulerConfig(JSON.stringify(file, null, 2)));
    expect(written).toEqual(file);
    expect(Object.keys(written)).toEqual(Object.keys(file).sort());
  });

  it.each(samplersGolden.config_files)('reads and writes back what diffusers wrote as text: %#', (text) => {
    const config = parseSchedulerConfig(text);
    const written = toSchedulerConfig(config);
    // Python spells the infinite bound out, which JSON cannot hold; left out, it is diffusers' default.
    const finite = JSON.parse(text.replace(/\n *"lambda_min_clipped": -Infinity,/, '')) as object;
    expect(written).toEqual(finite);
    expect(Object.keys(written)).toEqual(Object.keys(finite).sort());
    expect(parseSchedulerConfig(JSON.stringify(config))).toEqual(config);
  });

  it('takes an infinite bound from Python’s JSON, and words in strings as they are', () => {
    const text =
      '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "note": "Infinity"}';
    expect(parseSchedulerConfig(text)).toMatchObject({ lambda_min_clipped: null, note: 'Infinity' });
    expect(parseSchedulerConfig({ _class_name: 'EDMHeunScheduler', S_max: Infinity })).toMatchObject({
      S_max: null,
    });
  });

  it.each(schedulerNames)('fills in a whole config from the name alone, and reads it back: %s', (name) => {
    const config = parseSchedulerConfig({ _class_name: name });
    expect(parseSchedulerConfig(JSON.parse(JSON.stringify(toSchedulerConfig(config))))).toEqual(config);
    for (const other of compatibleSchedulers(config)) {
      expect(asScheduler(config, other)._class_name).toBe(other);
    }
    expect(compatibleSchedulers(config)).toContain(name);
    expect(hasBetas(config)).toBe('beta_start' in config);
  });

  it('does not hand a network to a sampler that would ask it something else', () => {
    const flow = parseSchedulerConfig({ _class_name: 'FlowMatchEulerDiscreteScheduler' });
    expect(() => asScheduler(flow, 'DDIMScheduler')).toThrow(
      /FlowMatchEulerDiscreteScheduler cannot be sampled with DDIMScheduler; wanted FlowMatchEulerDiscreteScheduler/,
    );
    const ddim = parseSchedulerConfig({ _class_name: 'DDIMScheduler', prediction_type: 'sample' });
    expect(() => asScheduler(ddim, 'EDMHeunScheduler')).toThrow(SchedulerConfigError);
    expect(() => asScheduler(ddim, 'PNDMScheduler')).toThrow(
      /prediction_type: wanted "epsilon" \| "v_prediction", got "sample"/,
    );
  });

  it('takes a schedule to every sampler that reads it', () => {
    const config = parseSchedulerConfig({
      _class_name: 'DDPMScheduler',
      beta_schedule: 'scaled_linear',
      beta_end: 0.012,
      variance_type: 'fixed_large',
    });
    const heun = asScheduler(config, 'HeunDiscreteScheduler');
    expect(heun).toMatchObject({
      beta_start: 0.0001,
      beta_end: 0.012,
      timestep_spacing: 'leading',
      clip_sample: true,
    });
    const dpm = asScheduler(config, 'DPMSolverMultistepScheduler');
    expect(dpm).toMatchObject({
      beta_schedule: 'scaled_linear',
      solver_order: 2,
      algorithm_type: 'dpmsolver++',
    });
    expect(asScheduler(dpm, 'DDPMScheduler')).toMatchObject({ variance_type: 'fixed_large' });
  });

  it.each([
    [
      'DPMSolverMultistepScheduler',
      { algorithm_type: 'unipc' },
      /algorithm_type: wanted "dpmsolver\+\+" .*, got "unipc"/,
    ],
    [
      'DPMSolverMultistepScheduler',
      { algorithm_type: 'deis' },
      /final_sigmas_type: wanted "sigma_min" with algorithm_type "deis"/,
    ],
    [
      'DPMSolverMultistepScheduler',
      { algorithm_type: 'sde-dpmsolver' },
      /final_sigmas_type: wanted "sigma_min" with algorithm_type "sde-dpmsolver"/,
    ],
    [
      'DPMSolverMultistepScheduler',
      { algorithm_type: 'sde-dpmsolver', final_sigmas_type: 'sigma_min', solver_order: 3 },
      /solver_order: wanted 1 or 2 with algorithm_type "sde-dpmsolver", .* got 3/,
    ],
    [
      'DPMSolverMultistepScheduler',
      { algorithm_type: 'dpmsolver' },
      /final_sigmas_type: wanted "sigma_min" with/,
    ],
    ['DPMSolverMultistepScheduler', { solver_order: 4 }, /solver_order/],
    ['DPMSolverMultistepScheduler', { solver_type: 'bh3' }, /solver_type: wanted .*"bh2", got "bh3"/],
    [
      'DPMSolverMultistepScheduler',
      { use_flow_sigmas: true },
      /use_flow_sigmas: wanted false, got true: .*FlowMatch/,
    ],
    [
      'DPMSolverMultistepScheduler',
      { prediction_type: 'flow_prediction' },
      /prediction_type: .*got "flow_prediction" \(.*FlowMatchEulerDiscreteScheduler\)/,
    ],
    [
      'DPMSolverMultistepScheduler',
      { thresholding: true, dynamic_thresholding_ratio: 99.5 },
      /dynamic_thresholding_ratio: wanted a quantile from 0 to 1 with thresholding, got 99.5/,
    ],
    [
      'DPMSolverMultistepScheduler',
      { lambda_min_clipped: 'x' },
      /lambda_min_clipped: wanted a number, -Infinity or null/,
    ],
    ['DPMSolverMultistepScheduler', { variance_type: 'learned' }, /variance_type: .*\(diffusers has it/],
    ['EulerDiscreteScheduler', { use_beta_sigmas: true }, /use_beta_sigmas: wanted false, got true/],
    ['HeunDiscreteScheduler', { use_beta_sigmas: true }, /use_beta_sigmas: wanted false, got true/],
    ['FlowMatchEulerDiscreteScheduler', { use_beta_sigmas: true }, /use_beta_sigmas: wanted false, got true/],
    ['DPMSolverMultistepScheduler', { use_beta_sigmas: true }, /use_beta_sigmas: wanted false, got true/],
    [
      'EulerDiscreteScheduler',
      { use_karras_sigmas: true, use_exponential_sigmas: true },
      /use_exponential_sigmas: .*choose one/,
    ],
    ['EulerDiscreteScheduler', { beta_schedule: 'exp' }, /beta_schedule: .*got "exp" \(Heun/],
    ['EDMHeunScheduler', { sigma_min: 90 }, /sigma_min: wanted less than sigma_max 80, got 90/],
    ['EDMHeunScheduler', { S_max: -Infinity }, /S_max: wanted a number, Infinity or null/],
    ['CMStochasticIterativeScheduler', { num_train_timesteps: 1 }, /num_train_timesteps/],
    [
      'FlowMatchEulerDiscreteScheduler',
      { invert_sigmas: true, stochastic_sampling: true },
      /stochastic_sampling: wanted false where invert_sigmas is true, got true/,
    ],
    ['HeunDiscreteScheduler', { beta_schedule: 'sigmoid' }, /got "sigmoid" \(DDPMScheduler alone has it/],
    ['DDIMScheduler', { beta_schedule: 'sigmoid' }, /got "sigmoid" \(DDPMScheduler alone has it/],
  ])('refuses %s with %j and names the field', (_class_name, fields, message) => {
    const parse = (): unknown => parseSchedulerConfig({ _class_name, ...fields });
    expect(parse).toThrow(SchedulerConfigError);
    expect(parse).toThrow(message);
  });

  it('reads the short file of google/ddpm-cifar10-32 and fills in diffusers’ defaults', () => {
    const config = parseSchedulerConfig({
      _class_name: 'DDPMScheduler',
      _diffusers_version: '0.1.1',
      beta_end: 0.02,
      beta_schedule: 'linear',
      beta_start: 0.0001,
      clip_sample: true,
      num_train_timesteps: 1000,
      trained_betas: null,
      variance_type: 'fixed_large',
    });
    expect(config).toMatchObject({
      _diffusers_version: '0.1.1',
      prediction_type: 'epsilon',
      timestep_spacing: 'leading',
      clip_sample_range: 1,
      variance_type: 'fixed_large',
    });
  });

  it('keeps what thresholding does not use as it is, where there is none', () => {
    const fields = { thresholding: false, dynamic_thresholding_ratio: 99.5, sample_max_value: 0 };
    expect(parseSchedulerConfig({ _class_name: 'DDIMScheduler', ...fields })).toMatchObject(fields);
  });

  it('keeps the names that DPM-Solver takes for others', () => {
    const fields = { algorithm_type: 'deis', solver_type: 'logrho', final_sigmas_type: 'sigma_min' };
    const config = parseSchedulerConfig({ _class_name: 'DPMSolverMultistepScheduler', ...fields });
    expect(toSchedulerConfig(config)).toMatchObject(fields);
  });

  it('keeps fields that it does not know', () => {
    const config = parseSchedulerConfig({ _class_name: 'DDIMScheduler', skip_prk_steps: true });
    expect(toSchedulerConfig(config)['skip_prk_steps']).toBe(true);
  });

  it('hands a schedule from one scheduler to another', () => {
    const ddpm = parseSchedulerConfig({
      _class_name: 'DDPMScheduler',
      beta_end: 0.01,
      variance_type: 'fixed_large',
    });
    const ddim = asScheduler(ddpm, 'DDIMScheduler');
    expect(ddim).toMatchObject({ _class_name: 'DDIMScheduler', beta_end: 0.01, set_alpha_to_one: true });
    expect(asScheduler(ddim, 'DDPMScheduler')).toMatchObject({ variance_type: 'fixed_large' });
  });

  it.each([
    [{ variance_type: 'learned_range' }, /variance_type: .*got "learned_range" \(diffusers has it/],
    [{ variance_type: 'learned' }, /variance_type: .*got "learned" \(diffusers has it/],
    [{ beta_schedule: 'toString' }, /beta_schedule: wanted "linear" .*, got "toString"$/],
    [{ thresholding: 'yes' }, /thresholding/],
    [{ thresholding: true, sample_max_value: 0 }, /sample_max_value: wanted more than 0 .*, got 0/],
    [
      { prediction_type: 'noise' },
      /prediction_type: wanted "epsilon" \| "sample" \| "v_prediction", got "noise"$/,
    ],
    [{ num_train_timesteps: 0 }, /num_train_timesteps/],
    [{ trained_betas: [0.1, 0.2] }, /trained_betas: wanted one beta for each of the 1000 timesteps.*got 2/],
    [{ beta_start: -1 }, /beta_start/],
    [
      { _class_name: 'LCMScheduler' },
      /"DDPMScheduler" \| "DDIMScheduler" \| .*, got _class_name "LCMScheduler"/,
    ],
    [{ _class_name: undefined }, /_class_name/],
  ])('refuses %j and names the field', (fields, message) => {
    const parse = (): unknown => parseSchedulerConfig({ _class_name: 'DDPMScheduler', ...fields });
    expect(parse).toThrow(SchedulerConfigError);
    expect(parse).toThrow(message);
  });

  it('refuses text that is not JSON, and null', () => {
    expect(() => parseSchedulerConfig('{')).toThrow(/wanted JSON/);
    expect(() => parseSchedulerConfig(null)).toThrow(SchedulerConfigError);
  });
});
