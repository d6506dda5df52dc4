/**
 * `--profile`: a few steps of a run, kernel by kernel. The first steps are left alone (they compile, and pools fill), and
 * only a few are taken, so that the trace opens.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Device, type KernelProfile, type ProfileReport } from '@immiscible/tensor-core';
import { count, milliseconds, plural, share, significant } from './format.ts';
import { type Colors, colorsFor, type Io, printLine, type TextStream } from './io.ts';
import { renderTable } from './table.ts';

/** Steps before the window, where there are so many. */
const BEFORE = 5;
const WINDOW = 10;
/** Kernels that the table shows. */
const SHOWN = 16;
const LONGEST_LABEL = 44;

export class StepProfile {
  readonly #device: Device;
  readonly #from: number;
  #seen = 0;

  /** @param steps that are left to do */
  constructor(device: Device, steps: number) {
    this.#device = device;
    this.#from = Math.max(Math.min(1, steps - 1), Math.min(BEFORE, steps - WINDOW));
  }

  /** Call it before every step. */
  beforeStep(): void {
    if (this.#seen === this.#from) this.#device.startProfile();
    if (this.#seen === this.#from + WINDOW) this.#device.stopProfile();
    this.#seen += 1;
  }

  /**
   * Writes `profile.json` and `trace.json` into `folder` and prints the table. It never throws: a profile is no reason to
   * lose a run.
   */
  async finish(folder: string, stream: TextStream, io: Io): Promise<void> {
    const colors = colorsFor(stream, io.env);
    this.#device.stopProfile();
    const steps = Math.min(WINDOW, this.#seen - this.#from);
    if (steps <= 0) {
      printLine(stream, colors.yellow(`\nNo profile: the run ended before its step ${this.#from + 1}`));
      return;
    }
    try {
      const { trace, ...profile } = await this.#device.profile();
      const files = [join(folder, 'profile.json'), join(folder, 'trace.json')] as const;
      await writeFile(files[0], `${JSON.stringify({ steps, ...profile }, null, 2)}\n`);
      await writeFile(files[1], JSON.stringify(trace));
      printLine(stream, `\n${formatProfile({ ...profile, trace }, steps, colors)}`);
      printLine(stream, `Profile: ${files[0]}; for chrome://tracing and ui.perfetto.dev: ${files[1]}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      printLine(stream, colors.yellow(`\nNo profile: ${reason}`));
    }
  }
}

/** A profile as text. @param steps that it is of */
export function formatProfile(profile: ProfileReport, steps: number, colors: Colors): string {
  const { device, timing, notes, runs, dispatches, ceilings, kernels } = profile;
  const kernelTimes = timing === 'kernels';
  const head = [
    kernelTimes ? 'kernel' : 'program',
    'count',
    'time',
    'share',
    ...(ceilings ? ['GFLOP/s', 'GB/s', 'of ceiling'] : []),
  ];
  const rate = (value: number): string => (value > 0 ? significant(value) : '–');
  const row = (label: string, parts: readonly KernelProfile[]): string[] => {
    const sum = (of: (kernel: KernelProfile) => number): number =>
      parts.reduce((total, kernel) => total + of(kernel), 0);
    const time = sum((kernel) => kernel.milliseconds);
    const [flopRate, byteRate] = [sum(({ flops }) => flops), sum(({ bytes }) => bytes)].map((amount) =>
      time > 0 ? amount / time / 1e6 : 0,
    ) as [number, number];
    return [
      label.length > LONGEST_LABEL ? `${label.slice(0, LONGEST_LABEL - 1)}…` : label,
      count(sum((kernel) => kernel.count)),
      milliseconds(time),
      share(sum((kernel) => kernel.share)),
      ...(ceilings
        ? [
            rate(flopRate),
            rate(byteRate),
            share(Math.max(flopRate / ceilings.gflopPerSecond, byteRate / ceilings.gbPerSecond)),
          ]
        : []),
    ];
  };
  const rest = kernels.slice(SHOWN);
  const rows = [
    ...kernels.slice(0, SHOWN).map((kernel) => row(kernel.label, [kernel])),
    ...(rest.length > 0 ? [row(plural(rest.length, 'other'), rest)] : []),
    row('all', kernels),
  ];
  return [
    `${colors.bold('Profile')} of ${plural(steps, 'step')} on ${device}`,
    `${plural(runs, 'run')}${kernelTimes ? `, ${plural(dispatches, 'dispatch', 'dispatches')}` : ''}: ` +
      `${milliseconds(profile.milliseconds / steps)} a step${kernelTimes ? ' in kernels' : ''}, ` +
      `${milliseconds(profile.hostMilliseconds / steps)} a step to submit`,
    ...(ceilings
      ? [
          `Ceilings, measured: ${significant(ceilings.gflopPerSecond)} GFLOP/s, ${significant(ceilings.gbPerSecond)} GB/s`,
        ]
      : []),
    renderTable(head, rows, colors),
    ...notes,
  ].join('\n');
}
