import { describe, expect, it } from 'vitest';
import { sampleNames } from './sample-files.ts';

describe('sampleNames', () => {
  it('are those of the seeds, in six digits or more', () => {
    expect(sampleNames([5, 123, 12345678])).toEqual(['000005', '000123', '12345678']);
  });

  it('say how far a sample is on its way', () => {
    const way = [0, 0.5, 1].map((at) => ({ from: 3, to: 9, at }));
    expect(sampleNames(way)).toEqual(['000003-000009-00', '000003-000009-01', '000003-000009-02']);
  });

  it('differ where a seed or a way comes twice', () => {
    expect(sampleNames([5, 6, 5, 5])).toEqual(['000005', '000006', '000005-again-2', '000005-again-3']);
    const way = [0, 1].map((at) => ({ from: 3, to: 9, at }));
    const names = sampleNames([...way, ...way]);
    expect(names.slice(2)).toEqual(['000003-000009-00-again-2', '000003-000009-01-again-2']);
  });
});
