import * as fc from 'fast-check';
import { type Tensor, tensor } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { floats, goldenJson, relativeError, testDevice } from '../test/tiny.ts';
import { emaDecay, type EmaOptions, emaUpdate, powerExponent } from './ema.ts';

interface Recorded {
  readonly tolerance: number;
  readonly batch: number;
  readonly parameters: Readonly<Record<string, number[]>>;
  readonly optimizers: readonly {
    readonly name: string;
    readonly after: readonly Readonly<Record<string, number[]>>[];
  }[];
  readonly emas: readonly {
    readonly name: string;
    readonly options: Readonly<Record<string, number>>;
    readonly decays: readonly number[];
    readonly after: readonly Readonly<Record<string, number[]>>[];
  }[];
}

const recorded = goldenJson<Recorded>('optim.json');
const path = recorded.optimizers.find(({ name }) => name === 'adam')!.after;
/** How each recording is said in a config; `late` begins later, which runs here do not offer. */
const settings: Readonly<Record<string, EmaOptions>> = {
  'decay-0.9999': { decay: 0.9999, warmup: true },
  'decay-0.25': { kind: 'decay', decay: 0.25, warmup: true },
  power: { kind: 'power', invGamma: 1, power: 0.75, minDecay: 0, maxDecay: 0.9999 },
  'power-bounded': { kind: 'power', invGamma: 4, power: 0.75, minDecay: 0.3, maxDecay: 0.6 },
  'half-life': { kind: 'half-life', images: 400, rampUp: null },
  'half-life-ramp-up': { kind: 'half-life', images: 600, rampUp: 0.5 },
  'power-function-0.1': { kind: 'power-function', relativeStd: 0.1 },
  'power-function-0.25': { kind: 'power-function', relativeStd: 0.25 },
};
const ours = recorded.emas.filter(({ name }) => name !== 'late');
const opened = testDevice();

/** All parameters as one vector. */
function vector(values: Readonly<Record<string, number[]>>): Tensor {
  return floats([...values['w']!, ...values['b']!]);
}

describe('the moving average of the parameters', () => {
  it.each(ours)('$name: twenty updates as recorded', async ({ name, decays, after }) => {
    const ema = settings[name]!;
    expect(after).toHaveLength(20);
    const update = opened.device.compile(
      ({ average, parameters, rate }: { average: Tensor; parameters: Tensor; rate: Tensor }) => ({
        average: emaUpdate(average, parameters, rate),
      }),
      { donate: ['average'] },
    );
    let average = vector(recorded.parameters);
    for (const [i, expected] of after.entries()) {
      const decay = emaDecay(ema, i + 1, recorded.batch);
      expect(Math.abs(decay - decays[i]!), `decay of update ${i + 1}`).toBeLessThanOrEqual(1e-12);
      ({ average } = await update({ average, parameters: vector(path[i]!), rate: tensor(1 - decay) }));
      const values = await average.data();
      const split = expected['w']!.length;
      const errors = [
        relativeError(values.subarray(0, split), expected['w']!),
        relativeError(values.subarray(split), expected['b']!),
      ];
      expect(Math.max(...errors), `update ${i + 1}`).toBeLessThanOrEqual(recorded.tolerance);
    }
    await update.dispose();
  });

  it('has every setting among the recordings', () => {
    expect(ours.map(({ name }) => name).sort()).toEqual(Object.keys(settings).sort());
  });

  it('holds its decay from the first update on where it does not warm up', () => {
    expect([1, 2, 1000].map((step) => emaDecay({ decay: 0.99, warmup: false }, step, 8))).toEqual([
      0.99, 0.99, 0.99,
    ]);
  });

  it.each([
    ['a decay', { decay: 0.99, warmup: true }, 0.99],
    ['a half-life', { kind: 'half-life', images: 800, rampUp: 0.05 }, 0.5 ** (8 / 800)],
    ['a power', { kind: 'power', invGamma: 1, power: 0.75, minDecay: 0, maxDecay: 0.99 }, 0.99],
  ] satisfies [string, EmaOptions, number][])(
    'warms up from a copy towards %s, never beyond',
    (_, ema, last) => {
      const decays = Array.from({ length: 2500 }, (_, i) => emaDecay(ema, i + 1, 8));
      expect(decays[0]).toBe(0);
      expect(decays.every((d, i) => i === 0 || d >= decays[i - 1]!)).toBe(true);
      expect(decays.at(-1)).toBe(last);
    },
  );

  it('forgets half of its weights within a half-life, whatever the batch size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 400 }), (power, updates) => {
        const batch = 2 ** power;
        const decay = emaDecay({ kind: 'half-life', images: batch * updates, rampUp: null }, 7, batch);
        expect(decay ** updates).toBeCloseTo(0.5, 12);
      }),
    );
  });

  it('weighs the past by a power function with the standard deviation that was asked for', () => {
    for (const relativeStd of [0.05, 0.1, 0.25]) {
      const updates = 4000;
      let [mean, square] = [0, 0]; // of the time that the average's weights lie at
      for (let k = 1; k <= updates; k++) {
        const decay = emaDecay({ kind: 'power-function', relativeStd }, k, 8);
        mean = decay * mean + (1 - decay) * k;
        square = decay * square + (1 - decay) * k * k;
      }
      expect(Math.sqrt(square - mean * mean) / updates / relativeStd).toBeCloseTo(1, 2);
    }
  });

  it('has the exponents that belong to standard deviations', () => {
    expect(powerExponent(Math.sqrt(1 / 12))).toBeCloseTo(0, 12);
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 1000, noNaN: true }), (gamma) => {
        const relativeStd = Math.sqrt((gamma + 1) / ((gamma + 2) ** 2 * (gamma + 3)));
        expect(powerExponent(relativeStd) / gamma).toBeCloseTo(1, 9);
      }),
    );
  });
});
