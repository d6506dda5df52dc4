import { describe, expect, it } from 'vitest';
import { golden } from '../test/golden.ts';
import { asScheduler, parseSchedulerConfig, toSchedulerConfig } from './config.ts';
import { SchedulerConfigError } from './errors.ts';

describe('scheduler config', () => {
  it.each(golden.config_files)('reads and writes back what diffusers wrote: %#', (file) => {
    const written = toSchedulerConfig(parseSchedulerConfig(JSON.stringify(file, null, 2)));
    expect(written).toEqual(file);
    expect(Object.keys(written)).toEqual(Object.keys(file).sort());
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
