import { parseCompareConfig, type StepReport } from '@immiscible/trainer';
import { describe, expect, it } from 'vitest';
import { testIo, tinyConfig } from '../../test/cli.ts';
import { ArmProgress } from './arm-progress.ts';
import { CompileDisplay } from './compile-progress.ts';
import { createDisplay } from './display.ts';
import { TimeLeft } from './time-left.ts';

function stepReport(step: number, over: Partial<StepReport> = {}): StepReport {
  return {
    step,
    images: 16 * step,
    learningRate: 1,
    distanceChange: 0,
    numbers: [{ step, loss: 1, gradientNorm: 1 }],
    milliseconds: { load: 0, assign: 0, wait: 0, step: 100 },
    ...over,
  };
}

describe('ArmProgress', () => {
  it('takes means over the last 50 steps', () => {
    const arm = new ArmProgress('a', 100);
    for (let step = 1; step <= 60; step++) {
      const numbers = [{ step, loss: step, gradientNorm: 1 }];
      arm.add(stepReport(step, { numbers, distanceChange: step <= 10 ? -1 : -0.02 }));
    }
    expect(arm.loss).toBe((11 + 60) / 2);
    expect(arm.distanceCut).toBeCloseTo(0.02, 12);
    expect(arm.imagesPerSecond).toBeCloseTo(160, 9);
    expect(arm.secondsPerStep).toBeCloseTo(0.1, 12);
  });

  it('waits for numbers that are read later, and leaves out those of skipped steps', () => {
    const arm = new ArmProgress('a', 100);
    arm.add(stepReport(1, { numbers: [] }));
    expect(arm.loss).toBeNaN();
    const scaling = { lossScale: 1024, skippedSteps: 1, skipped: false };
    const numbers = [
      { step: 1, loss: NaN, gradientNorm: Infinity, scaling: { ...scaling, skipped: true } },
      { step: 2, loss: 0.5, gradientNorm: 1, scaling },
    ];
    arm.add(stepReport(2, { numbers }));
    expect([arm.loss, arm.skippedSteps]).toEqual([0.5, 1]);
  });

  it('does not take the pace from the step that compiles, or from the first after a resume', () => {
    const arm = new ArmProgress('a', 100);
    arm.add(stepReport(41, { milliseconds: { load: 0, assign: 0, wait: 0, step: 9000 } }));
    expect([arm.imagesPerSecond, arm.secondsPerStep]).toEqual([NaN, NaN]);
    expect(arm.distanceCut).toBe(0);
    arm.add(stepReport(42));
    expect(arm.imagesPerSecond).toBeCloseTo(160, 9);
  });
});

describe('TimeLeft', () => {
  // Two batches of 20; (1 point before the end) · 2 + (2 + 3) = 7 denoising steps of each batch: 14 for an arm.
  const config = parseCompareConfig(tinyConfig);

  it('adds up the steps and the sampling that are left, at the last pace', () => {
    const arms = ['a', 'b'].map((name) => new ArmProgress(name, 6));
    const timeLeft = new TimeLeft(config);
    expect(timeLeft.seconds(arms)).toBeNaN();
    arms[0]!.add(stepReport(1));
    arms[0]!.add(stepReport(2));
    // 4 + 6 steps of 0.1 s; a denoising step of 20 images is guessed at 0.4 · 0.1 s · 20 / 16.
    expect(timeLeft.seconds(arms)).toBeCloseTo(1 + 28 * 0.05, 9);
    timeLeft.sampled('a', 2, 1, 5000);
    timeLeft.sampled('a', 2, 2, 5020);
    expect(timeLeft.seconds(arms)).toBeCloseTo(1 + 26 * 0.02, 9);
    timeLeft.sampled('a', 2, 4, 5060);
    expect(timeLeft.seconds(arms)).toBeCloseTo(1 + 24 * 0.02, 9);
  });

  it('is zero at the end', () => {
    const arm = new ArmProgress('a', 6);
    const timeLeft = new TimeLeft(config);
    for (let step = 1; step <= 6; step++) arm.add(stepReport(step));
    for (const n of [2, 2, 3])
      for (let done = 1; done <= 2 * n; done++) timeLeft.sampled('a', n, done, 10 * done);
    expect(timeLeft.seconds([arm])).toBe(0);
  });
});

describe('display', () => {
  const arm = (): ArmProgress => {
    const made = new ArmProgress('immiscible', 2);
    made.add(stepReport(1, { distanceChange: -0.036 }));
    made.add(stepReport(2, { distanceChange: -0.036 }));
    return made;
  };

  it('writes lines where nobody looks: the first at once, the last step always', () => {
    const io = testIo();
    const display = createDisplay(io, []);
    display.activity('sampling', 1, 4, 5);
    display.activity('sampling', 2, 4, 5);
    display.step(arm(), 80);
    display.note('a note');
    display.stop();
    expect(io.stderr.text.split('\n')).toEqual([
      '   0 s  sampling  25 %  5 s left',
      '   0 s  immiscible  2/2 steps  160 images/s  loss 1.00  cut 3.6 %  1 min 20 s left',
      '   0 s  a note',
      '',
    ]);
    expect(io.stdout.text).toBe('');
  });

  it('says how many steps float16 left out', () => {
    const io = testIo();
    const made = arm();
    made.skippedSteps = 3;
    createDisplay(io, []).step(made, 0);
    expect(io.stderr.text).toContain('loss 1.00  cut 3.6 %  skipped 3');
  });

  it('draws a bar for each arm on a terminal, and gives the cursor back', () => {
    const io = testIo({ isTTY: true, env: { NO_COLOR: '1' } });
    const arms = [new ArmProgress('vanilla', 2), arm()];
    const display = createDisplay(io, arms);
    display.step(arms[1]!, 80);
    display.note('a note');
    display.stop();
    const seen = io.stderr.text;
    expect(seen).toContain('vanilla    ');
    expect(seen).toMatch(/immiscible ━{16} 2\/2 {2}160 images\/s {2}loss 1\.00 {2}cut 3\.6 %/);
    expect(seen).toContain('training immiscible · 1 min 20 s left');
    // What a note overwrites is drawn again below it.
    const after = seen.slice(seen.indexOf('a note\n'));
    expect(after).toContain('vanilla    ');
    expect(after).toContain('immiscible ');
    expect(seen.lastIndexOf('\u001b[?25h')).toBeGreaterThan(seen.lastIndexOf('\u001b[?25l'));
  });
});

describe('CompileDisplay', () => {
  it('says nothing for a second, then how far a compilation is', () => {
    let now = 0;
    const shown: unknown[] = [];
    const display = new CompileDisplay(() => now);
    display.show = (...what) => shown.push(what);
    const report = (stage: 'measuring' | 'compiling', done: number, total: number, at: number): void => {
      now = at;
      display.report({ stage, done, total, label: 'matmul' });
    };
    report('measuring', 1, 2, 0);
    report('measuring', 2, 2, 1500);
    report('compiling', 1, 310, 1600);
    report('compiling', 2, 310, 2500);
    report('compiling', 132, 310, 2700);
    // Another program, later.
    report('compiling', 1, 3, 9000);
    report('compiling', 2, 3, 9500);
    expect(shown).toEqual([
      ['measuring 2 of 2 variants of kernels', 2, 2],
      ['compiling 132 of 310 kernels', 132, 310],
    ]);
  });
});
