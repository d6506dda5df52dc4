/** `immiscible analyze …`: the paper's analyses, each a figure, a table and the numbers. */
import { Command } from 'commander';
import { type Io } from '../io.ts';
import { ablationCommand } from './analyze-ablation.ts';
import { denoiseCommand } from './analyze-denoise.ts';
import { stepsCommand } from './analyze-steps.ts';
import { thresholdCommand } from './analyze-threshold.ts';

export function analyzeCommand(io: Io): Command {
  const command = new Command('analyze')
    .summary('the paper’s analyses: figures, tables and numbers')
    .description(
      'The paper’s analyses of runs and comparisons. Each writes a figure (SVG, PNG), a CSV and a JSON file.',
    );
  for (const create of [denoiseCommand, ablationCommand, thresholdCommand, stepsCommand]) {
    command.addCommand(create(io));
  }
  return command;
}
