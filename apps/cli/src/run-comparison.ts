/** A comparison from beginning to end, for the commands that run one or several. */
import { type Device } from '@immiscible/tensor-core';
import { compare, type CompareConfig, type CompareEvent, type CompareReport } from '@immiscible/trainer';
import { survivingLoss } from './device-loss.ts';
import { InterruptedError } from './errors.ts';
import { plural } from './format.ts';
import { interruptible } from './interrupts.ts';
import { colorsFor, type Io, ownName, printLine } from './io.ts';
import { ArmProgress } from './progress/arm-progress.ts';
import { createDisplay } from './progress/display.ts';
import { showComparison } from './progress/show-comparison.ts';
import { openData, withDevice } from './session.ts';

export interface RunComparisonOptions {
  readonly config: CompareConfig;
  readonly folder: string;
  /** whether the folder holds a part of it already */
  readonly continues: boolean;
  /** over the config */
  readonly flags: { readonly device?: string; readonly threads?: number };
  readonly io: Io;
}

/**
 * Trains and measures the arms of a comparison on a device of its own, or goes on with them; shows progress on stderr.
 *
 * @throws InterruptedError after Ctrl-C, saying how to continue; what `compare` of the trainer throws
 */
export async function runComparison({
  config,
  folder,
  continues,
  flags,
  io,
}: RunComparisonOptions): Promise<CompareReport> {
  const colors = colorsFor(io.stderr, io.env);
  /** The furthest step of each arm. */
  const reached = new Map<string, number>();
  const trainOn = async (device: Device): Promise<CompareReport> => {
    const dataset = await openData(config.data, io);
    const names = config.arms.map(({ name }) => name);
    const { steps, batchSize, accumulate } = config.training;
    printLine(
      io.stderr,
      `${colors.bold(names.join(' against '))}: ${plural(dataset.length, 'image')} of ${dataset.name}; ` +
        `${plural(steps, 'step')} of ${plural(batchSize * accumulate, 'image')} each; seed ${config.seed}`,
    );
    printLine(io.stderr, colors.dim(`${device.name}: ${device.description}`));
    printLine(
      io.stderr,
      colors.dim(`${continues ? 'continuing in' : 'in'} ${folder}; Ctrl-C stops, and it can be continued`),
    );
    const arms = names.map((name) => new ArmProgress(name, steps));
    const display = createDisplay(io, arms);
    const show = showComparison(config, arms, display);
    const onEvent = (event: CompareEvent): void => {
      if (event.type === 'step') {
        reached.set(event.arm, Math.max(event.report.step, reached.get(event.arm) ?? 0));
      }
      show(event);
    };
    try {
      return await interruptible(io, (signal) =>
        compare(config, { folder, device, dataset, signal, onEvent }),
      );
    } catch (error) {
      if (!(error instanceof InterruptedError)) throw error;
      const done = arms.map(({ name, step }) => `${name} at step ${step}`).join(', ');
      throw new InterruptedError(
        error.signal,
        `Stopped (${done}). Continue with: ${ownName(io.env)} compare --resume ${folder}`,
      );
    } finally {
      display.stop();
    }
  };
  return survivingLoss(
    io,
    () => [...reached.values()].reduce((total, step) => total + step, 0),
    () => withDevice(config, flags, trainOn),
  );
}
