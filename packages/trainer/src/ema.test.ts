import { type Tensor, tensor } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { floats, goldenJson, relativeError, testDevice } from '../test/tiny.ts';
import { emaDecay, type EmaOptions, emaUpdate } from './ema.ts';

interface Recorded {
  readonly tolerance: number;
  readonly parameters: Readonly<Record<string, number[]>>;
  readonly optimizers: readonly {
    readonly name: string;
    readonly after: readonly Readonly<Record<string, number[]>>[];
  }[];
  readonly emas: readonly {
    readonly name: string;
    readonly options: { readonly decay: number };
    readonly decays: readonly number[];
    readonly after: readonly Readonly<Record<string, number[]>>[];
  }[];
}

const recorded = goldenJson<Recorded>('optim.json');
const path = recorded.optimizers.find(({ name }) => name === 'adam')!.after;
/** `late` and `power` begin later or warm up by another rule, which runs here do not offer. */
const ours = recorded.emas.filter(({ name }) => name.startsWith('decay-'));
const opened = testDevice();

/** All parameters as one vector. */
function vector(values: Readonly<Record<string, number[]>>): Tensor {
  return floats([...values['w']!, ...values['b']!]);
}

describe('the moving average of the parameters', () => {
  it.each(ours)('$name: ten updates as diffusers’ EMAModel', async ({ options, decays, after }) => {
    const ema: EmaOptions = { decay: options.decay, warmup: true };
    const update = opened.device.compile(
      ({ average, parameters, rate }: { average: Tensor; parameters: Tensor; rate: Tensor }) => ({
        average: emaUpdate(average, parameters, rate),
      }),
      { donate: ['average'] },
    );
    let average = vector(recorded.parameters);
    for (const [i, expected] of after.entries()) {
      const decay = emaDecay(ema, i + 1);
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

  it('has both recordings to be held against', () => expect(ours).toHaveLength(2));

  it('holds its decay from the first update on where it does not warm up', () => {
    expect([1, 2, 1000].map((step) => emaDecay({ decay: 0.99, warmup: false }, step))).toEqual([
      0.99, 0.99, 0.99,
    ]);
  });

  it('warms up from a copy towards its decay, never beyond', () => {
    const decays = Array.from({ length: 2000 }, (_, i) => emaDecay({ decay: 0.99, warmup: true }, i + 1));
    expect(decays[0]).toBe(0);
    expect(decays.every((d, i) => i === 0 || d >= decays[i - 1]!)).toBe(true);
    expect(decays.at(-1)).toBe(0.99);
  });
});
