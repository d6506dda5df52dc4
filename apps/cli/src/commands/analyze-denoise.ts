/** `immiscible analyze denoise`: what two models make of pure noise in one step (the paper's figure 3). */
import { basename, join, resolve } from 'node:path';
import {
  arePoints,
  denoisePureNoise,
  nullLabelOf,
  type PureNoiseNumbers,
  pureNoiseNumbers,
  sampleShape,
} from '@immiscible/trainer';
import { Command } from 'commander';
import { type NamedPureNoise, renderDenoise } from '../analyze/denoise-picture.ts';
import { printAnalysis, writeAnalysis } from '../analyze/write-analysis.ts';
import { UsageError } from '../errors.ts';
import { toCsv } from '../figures/csv.ts';
import { significant } from '../format.ts';
import { interruptible } from '../interrupts.ts';
import { colorsFor, type Io } from '../io.ts';
import { openModel } from '../model-folder.ts';
import { deviceOption, wholeNumber, wholeNumbers } from '../options.ts';
import { checkPictures } from '../sample-files.ts';
import { labelsFor } from '../sampler-flags.ts';
import { withDevice } from '../session.ts';
import { renderTable } from '../table.ts';

interface DenoiseFlags {
  readonly seeds?: readonly number[];
  readonly measure: number;
  readonly steps: number;
  readonly out?: string;
  readonly device?: string;
  readonly threads?: number;
  readonly json?: true;
}

export function denoiseCommand(io: Io): Command {
  return new Command('denoise')
    .summary('what two models make of pure noise in one step (figure 3)')
    .description(
      'Gives pure noise to two models at the last timestep and shows, for the same seeds, the noise that they predict and\n' +
        'the image that is left when it is taken away. A model whose noise was paired at random can only answer with the\n' +
        'mean of all images; spread and agreement say by how much the other does better.',
    )
    .argument('<run-a>', 'folder of a run (an arm of a comparison), or a pipeline folder')
    .argument('<run-b>', 'another one, with images of the same size')
    .option(
      '--seeds <list>',
      'seeds that are shown (default: 0-7; of points in the plane all that are measured)',
      wholeNumbers,
    )
    .option('--measure <number>', 'seeds that the numbers are taken over, from 0', wholeNumber(2), 256)
    .option('--steps <number>', 'sampling steps of the finished samples', wholeNumber(1), 20)
    .option('--out <path>', 'where the files go, without extension (default: analysis/denoise beside RUN_A)')
    .addOption(deviceOption())
    .option('--threads <number>', 'CPU threads (default: all)', wholeNumber(1))
    .option('--json', 'print the numbers as JSON on stdout, and nothing else there')
    .addHelpText(
      'after',
      `
Writes a figure (SVG and PNG), a CSV and a JSON file.

  correction  root mean square of what the prediction changes in the noise
  spread      how one-step images differ between seeds (of pixels in [-1, 1]); 0: all are the same image
  agreement   correlation of one-step images with the finished samples, both less their means over seeds

Example:
  immiscible analyze denoise runs/demo/vanilla runs/demo/immiscible`,
    )
    .action((a: string, b: string, flags: DenoiseFlags) => analyze([a, b], flags, io));
}

/** The last part of each path; where they are the same, as with `a/vanilla` and `b/vanilla`, as much as tells them apart. */
function namesOf(paths: readonly string[]): string[] {
  const parts = paths.map((path) => resolve(path).split(/[/\\]/));
  const names = parts.map((all) => all.at(-1)!);
  if (new Set(names).size === names.length) return names;
  return parts.map((all) => all.slice(-2).join('/'));
}

async function analyze(paths: readonly [string, string], flags: DenoiseFlags, io: Io): Promise<void> {
  if (flags.seeds && flags.seeds.length < 2) {
    throw new UsageError(`--seeds: wants at least two, got ${flags.seeds.length}`);
  }
  const opened = await Promise.all(paths.map(openModel));
  const [shape, other] = opened.map(({ pipeline }) => sampleShape(pipeline.model));
  if (String(shape) !== String(other)) {
    throw new UsageError(
      `wants models of images of one size, got ${shape!.join('×')} and ${other!.join('×')}`,
    );
  }
  checkPictures(shape!);
  const names = namesOf(paths);
  const measured = Array.from({ length: flags.measure }, (_, seed) => seed);
  const shown = flags.seeds ?? (arePoints(shape!) ? measured : [0, 1, 2, 3, 4, 5, 6, 7]);
  const results = await withDevice({ device: 'auto' }, flags, async (device) => {
    const made: (NamedPureNoise & { numbers: PureNoiseNumbers })[] = [];
    for (const [i, { pipeline, runConfig }] of opened.entries()) {
      const none = runConfig && nullLabelOf(runConfig);
      const denoise = (seeds: readonly number[]): ReturnType<typeof denoisePureNoise> =>
        interruptible(io, (signal) =>
          denoisePureNoise(device, pipeline, {
            seeds,
            steps: flags.steps,
            signal,
            ...labelsFor(pipeline.model, seeds, undefined, none),
          }),
        );
      const all = await denoise(measured);
      const found = shown === measured ? all : await denoise(shown);
      made.push({ name: names[i]!, found, numbers: pureNoiseNumbers(all) });
    }
    return made;
  });
  const json = {
    models: results.map(({ name, numbers }, i) => ({ name, folder: opened[i]!.folder, ...numbers })),
    seeds: shown,
    measured: flags.measure,
    steps: flags.steps,
  };
  const csv = toCsv(
    ['model', 'correction', 'spread', 'agreement'],
    results.map(({ name: model, numbers }) => ({ model, ...numbers })),
  );
  const svg = await renderDenoise(results, shown);
  const stem = flags.out ?? join(paths[0], '..', 'analysis', 'denoise');
  const files = await writeAnalysis(stem, { json, csv, svg });
  const colors = colorsFor(io.stdout, io.env);
  const text = [
    colors.bold('What pure noise says, at t = T'),
    colors.dim(
      `${flags.measure} seeds of noise; finished samples take ${flags.steps} steps; ${results.map(({ name }) => basename(name)).join(' against ')}`,
    ),
    '',
    renderTable(
      ['model', 'correction', 'spread', 'agreement'],
      results.map(({ name, numbers: { correction, spread, agreement } }) => [
        name,
        significant(correction),
        significant(spread),
        agreement.toFixed(2),
      ]),
      colors,
    ),
  ].join('\n');
  printAnalysis(io, { json }, files, { text, asJson: flags.json === true });
}
