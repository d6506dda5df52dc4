/**
 * The program: commands, help, and what a failure looks like. `main.ts` gives it the process; tests and programs that
 * embed it give it streams of their own.
 */
import { Command, CommanderError } from 'commander';
import { analyzeCommand } from './commands/analyze.ts';
import { assignCommand } from './commands/assign.ts';
import { compareCommand } from './commands/compare.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { infoCommand } from './commands/info.ts';
import { sampleCommand } from './commands/sample.ts';
import { studyCommand } from './commands/study.ts';
import { trainCommand } from './commands/train.ts';
import { InterruptedError } from './errors.ts';
import { exitCodeOf, isExpected, messageOf } from './exit-code.ts';
import { colorsFor, type Io, printLine, processIo } from './io.ts';
import { VERSION } from './version.ts';

function createProgram(io: Io): Command {
  const program = new Command('immiscible')
    .description('Trains diffusion models with immiscible noise, and shows what it changes.')
    .version(VERSION)
    .showHelpAfterError('(--help shows every option)')
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 the work failed, 2 an option, config or input cannot be used, 130 stopped with Ctrl-C,
143 terminated. NO_COLOR=1 turns colours off; DEBUG=immiscible adds the stack to an error.`,
    );
  const commands = [
    compareCommand,
    studyCommand,
    analyzeCommand,
    trainCommand,
    sampleCommand,
    evaluateCommand,
    assignCommand,
    infoCommand,
  ];
  for (const create of commands) program.addCommand(create(io));
  for (const command of withDescendants(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHasColors: () => colorsFor(io.stdout, io.env).isColorSupported,
      getErrHasColors: () => colorsFor(io.stderr, io.env).isColorSupported,
    });
  }
  return program;
}

/** A command and those below it. */
function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withDescendants)];
}

/**
 * Runs one command line.
 *
 * @param argv without `node` and the script: `['compare', '--recipe', 'demo']`
 * @returns the exit code; nothing is thrown, and the process is not ended
 */
export async function run(argv: readonly string[], io: Io = processIo()): Promise<number> {
  try {
    await createProgram(io).parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    report(error, io);
    return exitCodeOf(error);
  }
}

function report(error: unknown, { stderr, env }: Io): void {
  if (error instanceof CommanderError) return; // commander has written its message
  const colors = colorsFor(stderr, env);
  if (error instanceof InterruptedError) {
    printLine(stderr, error.message);
    return;
  }
  printLine(stderr, `${colors.red('error:')} ${messageOf(error)}`);
  if ((env['DEBUG'] ?? '').includes('immiscible')) {
    printLine(stderr, colors.dim(error instanceof Error ? `${error.stack ?? ''}` : 'no stack'));
  } else if (!isExpected(error)) {
    printLine(stderr, colors.dim('This was not expected: DEBUG=immiscible shows where it happened.'));
  }
}
