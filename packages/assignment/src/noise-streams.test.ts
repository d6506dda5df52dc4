import { describe, expect, it } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import { AssignmentError, assignNoiseSync } from './index.ts';

const [batch, dimensions] = [12, 30]; // candidates that do not begin where a block of the generator does
const x0 = streamUniform(1, 0, new Float32Array(batch * dimensions)).map((value) => value * 2 - 1);
const streams = Array.from({ length: batch }, (_, i) => 1000 + 7 * i);

/** [batch, count, dimensions] drawn beforehand. */
function drawn(count: number): Float32Array {
  const noise = new Float32Array(batch * count * dimensions);
  streams.forEach((stream, i) => {
    streamNormal(5, stream, noise.subarray(i * count * dimensions, (i + 1) * count * dimensions));
  });
  return noise;
}

describe('noise from streams', () => {
  it.each(['linear', 'flipped', 'identity'] as const)('%s sees what drawing them gives', (method) => {
    const named = assignNoiseSync(x0, { seed: 5, streams }, { method });
    const given = assignNoiseSync(x0, drawn(1), { method, batch });
    expect(named.noise).toEqual(given.noise);
    expect(named.pairing).toEqual(given.pairing);
  });

  it.each([
    ['l2', 'f32'],
    ['dot', 'f32'],
    ['l2', 'f16'],
  ] as const)('nearest chooses as among given candidates (%s, %s)', (metric, precision) => {
    const options = { method: 'nearest', metric, precision, k: 5 } as const;
    const named = assignNoiseSync({ data: x0, shape: [batch, 5, 6] }, { seed: 5, streams }, options);
    const given = assignNoiseSync(x0, drawn(5), { ...options, batch });
    expect(named.noise).toEqual(given.noise);
    expect(named.pairing).toEqual(given.pairing);
    expect(named.shape).toEqual([batch, 5, 6]);
    for (const key of ['costBefore', 'costAfter', 'solvedCost', 'gap', 'exact', 'marginal'] as const) {
      expect(named.stats[key]).toEqual(given.stats[key]);
    }
  });

  it('does not depend on the batch', () => {
    const options = { method: 'nearest', k: 4 } as const;
    const together = assignNoiseSync(x0, { seed: 5, streams }, options);
    streams.forEach((stream, i) => {
      const own = x0.subarray(i * dimensions, (i + 1) * dimensions);
      const alone = assignNoiseSync(own, { seed: 5, streams: [stream] }, options);
      expect(alone.noise).toEqual(together.noise.subarray(i * dimensions, (i + 1) * dimensions));
    });
  });

  it.each([
    [{ seed: -1, streams }, {}, 'invalid-option', /seed must be a whole number from 0 to 2\^53 - 1, got -1/],
    [{ seed: 1, streams: [0.5] }, {}, 'invalid-option', /stream must be a whole number .* got 0\.5/],
    [{ seed: 1, streams: [] }, {}, 'invalid-size', /batch must be a whole number from 1 on, got 0/],
    [{ seed: 1, streams: [1, 2, 3, 4, 5, 6, 7] }, {}, 'invalid-size', /360 numbers, which 7 images/],
    [
      { seed: 1, streams },
      { batch: 3 },
      'invalid-size',
      /noise has the shape \[12, 30\], which does not begin with the batch, 3/,
    ],
    [{ seed: 1, streams }, { method: 'nearest' }, 'invalid-option', /k must be how many .* got undefined/],
  ] as const)('refuses %j with %j', (noise, options, code, message) => {
    const call = (): unknown => assignNoiseSync(x0, noise, options);
    expect(call).toThrow(AssignmentError);
    expect(call).toThrow(message);
    expect(call).toThrow(expect.objectContaining({ code }));
  });
});
