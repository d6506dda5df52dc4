import { describe, expect, it } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import { assignNoiseSync, methodAt } from '../index.ts';

const [batch, dimensions] = [16, 24];
const x0 = streamUniform(2, 0, new Float32Array(batch * dimensions)).map((value) => value * 2 - 1);
const noise = streamNormal(2, 1, new Float32Array(2 * batch * dimensions));

describe('startStep', () => {
  it('leaves noise as drawn before it, and assigns from it on', () => {
    const drawn = noise.subarray(0, batch * dimensions);
    const at = (step: number): readonly number[] => [
      ...assignNoiseSync(x0, drawn, { batch, startStep: 10, step }).pairing,
    ];
    const identity = Array.from({ length: batch }, (_, i) => i);
    const assigned = [...assignNoiseSync(x0, drawn, { batch }).pairing];
    expect(assigned).not.toEqual(identity);
    expect([at(0), at(9), at(10), at(11)]).toEqual([identity, identity, assigned, assigned]);
  });

  it('gives each image the first of its candidates before it', () => {
    const options = { batch, method: 'nearest', startStep: 3 } as const;
    const before = assignNoiseSync(x0, noise, { ...options, k: 2, step: 2 });
    const inferred = assignNoiseSync(x0, noise, { ...options, step: 2 });
    expect([...before.pairing]).toEqual(Array.from({ length: batch }, (_, i) => 2 * i));
    expect(inferred.noise).toEqual(before.noise);
    expect(assignNoiseSync(x0, noise, { ...options, k: 2, step: 3 }).stats.exact).toBe(true);
  });

  it('is a function of option and step', () => {
    expect(methodAt('flipped', 5, 4)).toBe('identity');
    expect(methodAt('flipped', 5, 5)).toBe('flipped');
    expect(methodAt('linear', 0, undefined)).toBe('linear');
    expect(() => methodAt('linear', 5, undefined)).toThrow(/step must say which step this is/);
    expect(() => methodAt('linear', -1, 0)).toThrow(/startStep must be a whole number from 0 on, got -1/);
    expect(() => methodAt('linear', 0, 0.5)).toThrow(/step must be a whole number from 0 on, got 0\.5/);
  });
});
