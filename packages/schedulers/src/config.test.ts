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
      { algorithm_type: 'sde-dpmsolver' },
      /algorithm_type: .*\(diffusers has it/,
    ],
    [
      'DPMSolverMultistepScheduler',
      { algorithm_type: 'dpmsolver' },
      /final_sigmas_type: wanted "sigma_min" with/,
    ],
    ['DPMSolverMultistepScheduler', { solver_order: 4 }, /solver_order/],
    ['DPMSolverMultistepScheduler', { solver_type: 'bh2' }, /solver_type: .*\(diffusers has it/],
    [
      'DPMSolverMultistepScheduler',
      { use_flow_sigmas: true },
      /use_flow_sigmas: wanted false, got true: .*FlowMatch/,
    ],
    [
      'DPMSolverMultistepScheduler',
      { lambda_min_clipped: 'x' },
      /lambda_min_clipped: wanted a number, -Infinity or null/,
    ],
    ['DPMSolverMultistepScheduler', { variance_type: 'learned' }, /variance_type: .*\(diffusers has it/],
    ['EulerDiscreteScheduler', { use_beta_sigmas: true }, /use_beta_sigmas: wanted false, got true/],
    [
      'EulerDiscreteScheduler',
      { use_karras_sigmas: true, use_exponential_sigmas: true },
      /use_exponential_sigmas: .*choose one/,
    ],
    ['EulerDiscreteScheduler', { beta_schedule: 'exp' }, /beta_schedule: .*got "exp" \(diffusers has it/],
    ['EDMHeunScheduler', { sigma_min: 90 }, /sigma_min: wanted less than sigma_max 80, got 90/],
    ['EDMHeunScheduler', { S_max: -Infinity }, /S_max: wanted a number, Infinity or null/],
    ['CMStochasticIterativeScheduler', { num_train_timesteps: 1 }, /num_train_timesteps/],
    ['FlowMatchEulerDiscreteScheduler', { invert_sigmas: true }, /invert_sigmas: wanted false, got true/],
    ['HeunDiscreteScheduler', { beta_schedule: 'sigmoid' }, /got "sigmoid" \(diffusers has it/],
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
    [{ beta_schedule: 'sigmoid' }, /beta_schedule: .*got "sigmoid" \(diffusers has it/],
    [{ thresholding: true }, /thresholding: wanted false, got true: .*clip_sample/],
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
