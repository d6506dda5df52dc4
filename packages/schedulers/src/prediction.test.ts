import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convertPrediction, predictedEpsilon, predictedX0, trainingTarget } from './prediction.ts';

const types = ['epsilon', 'sample', 'v_prediction'] as const;
const value = fc.double({ min: -3, max: 3, noNaN: true });

describe('predictions', () => {
  it('recover x0 and the noise from the true target', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.double({ min: 0.01, max: 1.56, noNaN: true }),
        value,
        value,
        (type, angle, x0, epsilon) => {
          const at = { alpha: Math.cos(angle), sigma: Math.sin(angle) };
          const x = at.alpha * x0 + at.sigma * epsilon;
          const target = trainingTarget(type, at);
          const output = target.x0 * x0 + target.noise * epsilon;
          for (const [quotient, truth] of [
            [predictedX0(type, at), x0],
            [predictedEpsilon(type, at), epsilon],
          ] as const) {
            const found = (quotient.sample * x + quotient.output * output) / quotient.divisor;
            expect(Math.abs(found - truth)).toBeLessThan(1e-12);
          }
        },
      ),
    );
  });

  it('convert back and forth', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.constantFrom(...types),
        fc.double({ min: 0.01, max: 1.56, noNaN: true }),
        fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 6 }),
        (from, to, angle, pairs) => {
          const at = { alpha: Math.cos(angle), sigma: Math.sin(angle) };
          const x = Float64Array.from(pairs, ([first]) => first);
          const output = Float64Array.from(pairs, ([, second]) => second);
          const back = convertPrediction(to, from, convertPrediction(from, to, output, x, at), x, at);
          back.forEach((found, i) => expect(Math.abs(found - output[i]!)).toBeLessThan(1e-11));
        },
      ),
    );
  });

  it('leave their input alone and keep its kind', () => {
    const output = Float32Array.of(0.5, -0.5);
    const converted = convertPrediction('epsilon', 'epsilon', output, Float32Array.of(1, 1), {
      alpha: 0.6,
      sigma: 0.8,
    });
    expect(converted).toEqual(output);
    expect(converted).not.toBe(output);
  });

  it('say where a conversion does not exist', () => {
    expect(() => predictedX0('epsilon', { alpha: 0, sigma: 1 })).toThrow(
      /use prediction_type "v_prediction"/,
    );
    expect(() => predictedEpsilon('sample', { alpha: 1, sigma: 0 })).toThrow(/sigma is 0/);
    const at = { alpha: 0.6, sigma: 0.8 };
    expect(() =>
      convertPrediction('epsilon', 'sample', new Float32Array(2), new Float32Array(3), at),
    ).toThrow(/one length, got 2 and 3/);
  });
});
