import { describe, expect, it } from 'vitest';
import { reportOf } from '../../test/report-fixture.ts';
import { findingOf, reachedText } from './finding.ts';

it.each([
  [
    { 2: 50, 10: 15 },
    'Immiscible is better at every number of sampling steps: Fréchet distance −50 % with 2 steps',
  ],
  [
    { 2: 150, 10: 21 },
    'Immiscible is worse at every number of sampling steps: Fréchet distance +50 % with 2 steps',
  ],
  [{ 2: 60, 10: 20.1 }, 'Immiscible is better with 2 sampling steps: Fréchet distance −40 % with 2 steps'],
  [{ 2: 100, 10: 30 }, 'Immiscible is worse with 10 sampling steps: Fréchet distance +50 % with 10 steps'],
  [
    { 2: 60, 10: 30 },
    'Immiscible is better with 2 sampling steps and worse with 10: Fréchet distance −40 % with 2 steps, +50 % with 10',
  ],
  [{ 2: 101, 10: 19.9 }, 'No difference above 2 %: Fréchet distance +1.0 % with 2 steps'],
])('says it as it is: %j', (immiscible, headline) => {
  expect(findingOf(reportOf({ vanilla: { 2: 100, 10: 20 }, immiscible })).headline).toBe(headline);
});

it('says the distances, the cut and that one seed is one seed', () => {
  const { details, changes } = findingOf(
    reportOf({ vanilla: { 2: 100, 10: 20 }, immiscible: { 2: 50, 10: 25 } }),
  );
  expect(changes).toEqual([
    { samplingSteps: 2, baseline: 100, treated: 50, change: -0.5 },
    { samplingSteps: 10, baseline: 20, treated: 25, change: 0.25 },
  ]);
  expect(details).toEqual([
    'Fréchet distance, vanilla → immiscible: 100 → 50.0 with 2 steps, 20.0 → 25.0 with 10 steps; lower is better.',
    'Assignment brings images and their noise 3.6 % nearer, and changes nothing else.',
    'One seed: differences of a few per cent may fall the other way with another.',
  ]);
});

describe('training images to the baseline’s final quality', () => {
  const at = (halfway: number, end: number) =>
    findingOf(
      reportOf({
        vanilla: { 2: 100 },
        immiscible: { 2: end },
        halfway: { vanilla: 200, immiscible: halfway },
      }),
    );

  it('are read off between two measurements', () => {
    const { reached, details } = at(150, 50);
    // From 150 at 48 images to 50 at 96: 100 is half of the way.
    expect(reached).toEqual([{ samplingSteps: 2, images: 72, ofImages: 96 }]);
    expect(details).toContain(
      'Training images that immiscible needs for the final quality of vanilla: 25 % fewer with 2 sampling steps.',
    );
  });

  it.each([
    [90, 80, 48, '50 % fewer'], // there at the first measurement: no later than that
    [150, 99.9, 95.9, 'as many'],
    [150, 120, undefined, 'not reached'],
  ])('from %d halfway to %d', (halfway, end, images, text) => {
    const { reached } = at(halfway, end);
    expect(reached).toHaveLength(1);
    if (images === undefined) expect(reached[0]!.images).toBeUndefined();
    else expect(reached[0]!.images).toBeCloseTo(images, 1);
    expect(reachedText(reached[0]!)).toBe(text);
  });

  it('are not spoken of without measurements during training', () => {
    expect(findingOf(reportOf({ vanilla: { 2: 100 }, immiscible: { 2: 50 } })).reached).toEqual([]);
  });
});

it('describes one arm alone', () => {
  const { headline, pair, changes } = findingOf(reportOf({ vanilla: { 2: 100, 10: 20 } }));
  expect(headline).toBe('vanilla after 96 training images: Fréchet distance 20.0 with 10 sampling steps');
  expect([pair, changes]).toEqual([undefined, []]);
});
