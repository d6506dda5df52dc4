import { describe, expect, it } from 'vitest';
import { swissRoll } from './swiss-roll.ts';

describe('swissRoll', () => {
  it('lies on a spiral of one and a half turns, within its thickness', () => {
    const points = swissRoll(1, 2, 500);
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = [points[i]!, points[i + 1]!];
      // The angle is known up to whole turns: one of them belongs to the radius.
      const distances = [0, 1, 2].map((turn) => {
        const angle = ((Math.atan2(y, x) + 2 * Math.PI) % (2 * Math.PI)) + 2 * Math.PI * turn;
        return Math.abs(Math.hypot(x, y) - (0.9 * angle) / (3 * Math.PI));
      });
      expect(Math.min(...distances)).toBeLessThan(0.06);
    }
  });

  it('is the same for the same seed and stream, and another for another', () => {
    expect(swissRoll(1, 2, 50)).toEqual(swissRoll(1, 2, 50));
    expect(swissRoll(1, 2, 50)).not.toEqual(swissRoll(1, 3, 50));
    expect(swissRoll(1, 2, 50)).not.toEqual(swissRoll(2, 2, 50));
  });
});
