import { parseSchedulerConfig, schedulerNames } from '@immiscible/schedulers';
import { describe, expect, it } from 'vitest';
import { SampleError } from '../errors.ts';
import { samplerNames, samplerOf, samplersFor, schedulerFor, stepsOf, withChurn } from './samplers.ts';

const ddpm = parseSchedulerConfig({ _class_name: 'DDPMScheduler', beta_schedule: 'scaled_linear' });
const cm = parseSchedulerConfig({ _class_name: 'CMStochasticIterativeScheduler' });
const edm = parseSchedulerConfig({ _class_name: 'EDMHeunScheduler', num_steps: 12 });
const flow = parseSchedulerConfig({ _class_name: 'FlowMatchEulerDiscreteScheduler' });

describe('the names of samplers', () => {
  it('are one for each scheduler', () => {
    const names = schedulerNames.map((name) => samplerOf({ _class_name: name }));
    expect(new Set(names)).toEqual(new Set(samplerNames));
    expect(names).toHaveLength(samplerNames.length);
  });

  it('fit together where networks learn the same', () => {
    const family = ['ddpm', 'ddim', 'pndm', 'euler', 'heun', 'dpm++'];
    for (const name of family) {
      expect(samplersFor(schedulerFor(ddpm, name as (typeof samplerNames)[number]))).toEqual(family);
    }
    expect([cm, edm, flow].map(samplersFor)).toEqual([['cm'], ['edm'], ['flow']]);
  });
});

describe('schedulerFor', () => {
  it('takes the schedule over', () => {
    expect(schedulerFor(ddpm)).toEqual(ddpm);
    const euler = schedulerFor(ddpm, 'euler');
    expect(euler).toMatchObject({ _class_name: 'EulerDiscreteScheduler', beta_schedule: 'scaled_linear' });
    expect(schedulerFor(ddpm, euler)).toBe(euler);
  });

  it('chooses Karras’ levels where a sampler has a choice', () => {
    for (const name of ['euler', 'heun', 'dpm++'] as const) {
      expect(schedulerFor(ddpm, name, { karras: true })).toMatchObject({ use_karras_sigmas: true });
      expect(schedulerFor(ddpm, name)).toMatchObject({ use_karras_sigmas: false });
    }
    const exponential = parseSchedulerConfig({
      _class_name: 'EulerDiscreteScheduler',
      use_exponential_sigmas: true,
    });
    expect(schedulerFor(exponential, 'euler', { karras: true })).toMatchObject({
      use_exponential_sigmas: false,
    });
    expect(() => schedulerFor(ddpm, 'ddim', { karras: true })).toThrow(
      'are for euler, heun, dpm++ or flow; ddim keeps to its own',
    );
    expect(() => schedulerFor(edm, 'edm', { karras: true })).toThrow('edm has Karras’ noise levels as it is');
  });

  it('lists what fits where something does not', () => {
    expect(() => schedulerFor(ddpm, 'cm')).toThrow(SampleError);
    expect(() => schedulerFor(ddpm, 'cm')).toThrow(
      'a model with DDPMScheduler is sampled with ddpm, ddim, pndm, euler, heun or dpm++, not with cm',
    );
    expect(() => schedulerFor(cm, 'ddim')).toThrow('is sampled with cm, not with ddim');
    expect(() => schedulerFor(flow, edm)).toThrow('is sampled with flow, not with edm');
  });
});

describe('what a sampler is set to', () => {
  it('is a number of steps that it is good for', () => {
    expect([ddpm, cm, edm, flow].map(stepsOf)).toEqual([1000, 1, 12, 20]);
    expect(stepsOf(schedulerFor(ddpm, 'ddim'))).toBe(20);
  });

  it('is churn, for edm alone', () => {
    expect(withChurn(edm, 40)).toMatchObject({ S_churn: 40 });
    expect(withChurn(edm, undefined)).toBe(edm);
    expect(() => withChurn(flow, 1)).toThrow('churn is for edm, not for flow');
  });
});
