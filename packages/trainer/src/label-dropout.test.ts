import { describe, expect, it } from 'vitest';
import { richModel, tinyRun } from '../test/tiny.ts';
import { ConfigError } from './errors.ts';
import { classCountOf, dropLabels, nullLabelOf } from './label-dropout.ts';
import { sampleStreams } from './sample-streams.ts';

const N = 4000;
const config = tinyRun({ model: { ...richModel, num_class_embeds: 11 }, training: { labelDropout: 0.2 } });
const labels = Int32Array.from({ length: N }, (_, i) => i % 10);

function dropped(counter: number, count: number): Int32Array {
  return dropLabels(
    config,
    labels.slice(counter, counter + count),
    sampleStreams(config.seed, counter, [count, 1, 8, 8]),
  );
}

describe('label dropout', () => {
  it('makes a share of the labels the one that stands for no class, and leaves the others', () => {
    const after = dropped(0, N);
    const none = after.filter((label) => label === 10).length;
    // Five standard deviations of a binomial count.
    expect(Math.abs(none - 0.2 * N)).toBeLessThan(5 * Math.sqrt(N * 0.2 * 0.8));
    expect(after.every((label, i) => label === 10 || label === labels[i])).toBe(true);
  });

  it('depends on the sample’s place in the run, not on its batch', () => {
    const whole = dropped(0, 96);
    expect([...dropped(0, 32), ...dropped(32, 64)]).toEqual([...whole]);
  });

  it('is off where nobody asks for it', () => {
    const off = tinyRun({ model: richModel });
    expect(dropLabels(off, labels, sampleStreams(0, 0, [N, 1, 8, 8]))).toBe(labels);
    expect([nullLabelOf(off), classCountOf(off)]).toEqual([undefined, 10]);
    expect([nullLabelOf(config), classCountOf(config)]).toEqual([10, 10]);
    expect([nullLabelOf(tinyRun()), classCountOf(tinyRun())]).toEqual([undefined, undefined]);
  });

  it('wants a model with classes', () => {
    expect(() => tinyRun({ training: { labelDropout: 0.1 } })).toThrow(ConfigError);
    expect(() => tinyRun({ training: { labelDropout: 0.1 } })).toThrow(
      'training.labelDropout: wants a model',
    );
  });
});
