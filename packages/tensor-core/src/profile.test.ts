import { describe, expect, it } from 'vitest';
import { ProfileRecorder, type TimedRun, type Work } from './profile.ts';

const product: Work = { label: 'matmul', flops: 4e6, bytes: 1e6 };
const sum: Work = { label: 'add', flops: 0, bytes: 3e6 };

/** @param device when the device's clock showed that the run began */
function run(began: number, device: number, ...work: readonly (readonly [Work, number])[]): TimedRun {
  let at = device;
  const dispatches = work.map(([one, milliseconds]) => {
    const begin = at;
    at += milliseconds;
    return { work: one, begin, end: at };
  });
  return { began, submitted: began + 0.5, dispatches };
}

describe('ProfileRecorder', () => {
  it('adds dispatches of one label up, the longest first, with rates and shares of the ceilings', () => {
    const recorder = new ProfileRecorder();
    recorder.add(run(10, 0, [sum, 1], [product, 2]));
    recorder.add(run(20, 10, [product, 3]));
    const report = recorder.report('a GPU', 'kernels', ['a note'], { gflopPerSecond: 4, gbPerSecond: 6 });
    expect(report).toMatchObject({
      device: 'a GPU',
      timing: 'kernels',
      notes: ['a note'],
      runs: 2,
      dispatches: 3,
      milliseconds: 6,
      hostMilliseconds: 1,
    });
    const [first, second] = report.kernels;
    expect(first).toEqual({
      label: 'matmul',
      count: 2,
      milliseconds: 5,
      flops: 8e6,
      bytes: 2e6,
      gflopPerSecond: 1.6,
      gbPerSecond: 0.4,
      share: 5 / 6,
      ceilingShare: 0.4,
    });
    // Nothing is multiplied: the copy is its measure.
    expect(second).toMatchObject({ label: 'add', gflopPerSecond: 0, gbPerSecond: 3, ceilingShare: 0.5 });
    expect(report.kernels.reduce((total, { share }) => total + share, 0)).toBeCloseTo(1, 12);
  });

  it('divides by nothing where nothing took time', () => {
    const recorder = new ProfileRecorder();
    expect(recorder.report('', 'runs', []).kernels).toEqual([]);
    recorder.add(run(0, 5, [product, 0]));
    expect(recorder.report('', 'runs', []).kernels).toEqual([
      { ...product, count: 1, milliseconds: 0, gbPerSecond: 0, gflopPerSecond: 0, share: 0 },
    ]);
  });

  it('draws both clocks on one axis, no kernel before its submit', () => {
    const recorder = new ProfileRecorder();
    recorder.add(run(100, 7000, [sum, 1], [product, 2]));
    recorder.add(run(102, 7001.25, [product, 3]));
    const { trace } = recorder.report('a GPU', 'kernels', []);
    const intervals = trace.traceEvents.filter(({ ph }) => ph === 'X');
    expect(intervals.map(({ name, tid, ts, dur }) => [name, tid, ts, dur])).toEqual([
      ['submit', 1, 0, 500],
      ['add', 2, 1250, 1000],
      ['matmul', 2, 2250, 2000],
      ['submit', 1, 2000, 500],
      ['matmul', 2, 2500, 3000],
    ]);
    expect(intervals[2]!.args).toEqual({ run: 0, flops: 4e6, bytes: 1e6 });
    const names = trace.traceEvents.filter(({ ph }) => ph === 'M');
    expect(names.map(({ name, args }) => [name, args['name']])).toEqual([
      ['process_name', 'a GPU'],
      ['thread_name', 'host: encode and submit'],
      ['thread_name', 'device: kernels'],
    ]);
  });

  it('keeps the trace of a long time small, and says so', () => {
    const recorder = new ProfileRecorder();
    const long = Array.from({ length: 40_000 }, () => [sum, 1] as const);
    for (let i = 0; i < 3; i++) recorder.add(run(i, i, ...long));
    const report = recorder.report('', 'kernels', []);
    expect(report.kernels[0]!.count).toBe(120_000);
    expect(report.trace.traceEvents).toHaveLength(3 + 2 * 40_001);
    expect(report.notes).toEqual(['The trace leaves out 1 of 3 runs; the sums do not.']);
  });
});
