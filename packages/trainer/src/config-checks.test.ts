import { describe, expect, it } from 'vitest';
import { type Overrides, tinyComparison, tinyRun } from '../test/tiny.ts';
import { ConfigError } from './errors.ts';

const consistency = 'CMStochasticIterativeScheduler';
const edm = 'EDMHeunScheduler';
const flow = 'FlowMatchEulerDiscreteScheduler';

function complaint(overrides: Overrides): string {
  const messages = [tinyRun, tinyComparison].map((parse) => {
    try {
      parse(overrides);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      return (error as Error).message;
    }
    throw new Error('the config was taken');
  });
  expect(messages[1]).toBe(messages[0]);
  return messages[0]!;
}

const with_ = (kind: string, scheduler: string): Overrides => ({
  objective: { kind, ...(kind === 'easy-consistency-tuning' ? { from: 'elsewhere' } : {}) },
  scheduler: { _class_name: scheduler },
});

describe('an objective and its scheduler', () => {
  it.each([
    ['denoising', 'DDPMScheduler'],
    ['denoising', 'DPMSolverMultistepScheduler'],
    ['consistency-training', consistency],
    ['improved-consistency-training', consistency],
    ['easy-consistency-tuning', consistency],
    ['edm', edm],
    ['flow-matching', flow],
  ])('%s goes with %s', (kind, scheduler) => {
    const { objective } = tinyRun(with_(kind, scheduler));
    expect(objective.kind).toBe(kind);
  });

  it.each([
    [
      'denoising',
      consistency,
      'wants a scheduler that is built on betas, such as DDIMScheduler, with objective denoising',
    ],
    ['denoising', edm, 'wants a scheduler that is built on betas'],
    ['denoising', flow, 'wants a scheduler that is built on betas'],
    ['consistency-training', 'DDIMScheduler', `wants ${consistency} with objective consistency-training`],
    [
      'improved-consistency-training',
      edm,
      `wants ${consistency} with objective improved-consistency-training`,
    ],
    ['easy-consistency-tuning', edm, `wants ${consistency} with objective easy-consistency-tuning`],
    ['edm', consistency, `wants ${edm} with objective edm`],
    ['flow-matching', 'EulerDiscreteScheduler', `wants ${flow} with objective flow-matching`],
  ])('%s does not go with %s', (kind, scheduler, expected) => {
    const message = complaint(with_(kind, scheduler));
    expect(message).toContain(`\n  scheduler._class_name: ${expected}`);
    expect(message).toContain(`got ${scheduler}`);
  });

  it('is denoising where none is named, as it was before there were others', () => {
    expect(tinyRun().objective).toEqual({ kind: 'denoising', offsetNoise: 0 });
  });
});

describe('an objective', () => {
  it('fills in what its paper says', () => {
    const { objective } = tinyRun(with_('consistency-training', consistency));
    expect(objective).toEqual({
      kind: 'consistency-training',
      s0: 2,
      s1: 150,
      mu0: 0.9,
      distance: { kind: 'l2' },
    });
    expect(tinyRun(with_('improved-consistency-training', consistency)).objective).toMatchObject({
      s0: 10,
      s1: 1280,
      meanLog: -1.1,
      stdLog: 2,
      distance: { kind: 'pseudo-huber' },
    });
    expect(tinyRun(with_('edm', edm)).objective).toMatchObject({ meanLog: -1.2, stdLog: 1.2 });
  });

  it.each<[string, Overrides, string]>([
    ['a kind that there is not', { objective: { kind: 'diffusion' } }, 'objective.kind: '],
    [
      'min-SNR weights beside weights of its own',
      { ...with_('edm', edm), training: { lossWeighting: { kind: 'min-snr' } } },
      'training.lossWeighting: min-snr weighs the denoising objective, got objective edm',
    ],
    [
      'fewer noise levels at the end than at the beginning',
      {
        objective: { kind: 'improved-consistency-training', s0: 20, s1: 10 },
        scheduler: { _class_name: consistency },
      },
      'objective.s1: wants at least objective.s0 (20), got 10',
    ],
    [
      'LPIPS without its weights',
      {
        objective: { kind: 'consistency-training', distance: { kind: 'lpips' } },
        scheduler: { _class_name: consistency },
      },
      'objective.distance.backbone: ',
    ],
    [
      'a field of another objective',
      { ...with_('edm', edm), objective: { kind: 'edm', s0: 2 } },
      'objective.s0: there is no such field',
    ],
    [
      'more steps than a consistency model’s grid has',
      { ...with_('consistency-training', consistency), evaluation: { samplingSteps: [41] } },
      'evaluation.samplingSteps: wants at most 40, got 41',
    ],
  ])('refuses %s', (_, overrides, expected) => {
    expect(complaint(overrides)).toContain(`\n  ${expected}`);
  });
});
