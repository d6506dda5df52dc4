/** A study from beginning to end: its comparisons one after the other, each of which can be stopped and continued. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checkSameConfig,
  type CompareReport,
  comparisonsOf,
  isComparison,
  parseCompareConfig,
  type PieceSummary,
  type StudyComparison,
  type StudyConfig,
  summarize,
} from '@immiscible/trainer';
import { InterruptedError } from '../errors.ts';
import { messageOf } from '../exit-code.ts';
import { duration } from '../format.ts';
import { colorsFor, type Io, printLine } from '../io.ts';
import { writeReport } from '../report/write-report.ts';
import { runComparison } from '../run-comparison.ts';
import { type StudyReport } from './write-study.ts';

export interface RunStudyOptions {
  readonly study: StudyConfig;
  readonly folder: string;
  /** over the pieces' configs */
  readonly flags: { readonly device?: string; readonly threads?: number };
  readonly io: Io;
  /** Pieces to run; the report is about all of them. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Only summarizes what is finished. */
  readonly reportOnly?: boolean;
  /** What to type to go on, for whoever presses Ctrl-C. */
  readonly again: string;
  /** Called with what is known after every comparison, and at the beginning. */
  readonly onReport: (report: StudyReport) => Promise<unknown>;
}

/** The report of a comparison that is finished. @throws ConfigError where it had another config */
async function finishedReport(folder: string, one: StudyComparison): Promise<CompareReport | undefined> {
  const path = join(folder, one.path);
  const text = await readFile(join(path, 'report.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const report = JSON.parse(text) as CompareReport;
  checkSameConfig(path, parseCompareConfig(report.config), one.config);
  return report;
}

/** What the finished comparisons of a study say. */
async function reportStudy(
  study: StudyConfig,
  folder: string,
  failed: Readonly<Record<string, string>> = {},
): Promise<StudyReport> {
  const comparisons = comparisonsOf(study);
  const found = await Promise.all(
    comparisons.map(async (one) => ({ one, report: await finishedReport(folder, one) })),
  );
  const pieces = study.pieces.flatMap(({ name, thresholds }): PieceSummary[] => {
    const own = found.flatMap(({ one, report }) => (one.piece === name && report ? [report] : []));
    return own.length > 0 ? [summarize(name, own, thresholds)] : [];
  });
  return {
    name: study.name,
    planned: comparisons.length,
    finished: found.filter(({ report }) => report !== undefined).length,
    failed,
    pieces,
    seconds: pieces.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

/**
 * Runs every comparison that is wanted and not finished. One that fails (diverges, say) is noted, and the others still run.
 *
 * @throws InterruptedError after Ctrl-C; ConfigError where a folder holds a comparison with another config
 */
export async function runStudy(options: RunStudyOptions): Promise<StudyReport> {
  const { study, folder, flags, io, only, again, onReport } = options;
  const colors = colorsFor(io.stderr, io.env);
  await mkdir(folder, { recursive: true });
  const comparisons = comparisonsOf(study);
  let report = await reportStudy(study, folder);
  if (options.reportOnly) {
    await onReport(report);
    return report;
  }
  const failed: Record<string, string> = {};
  for (const [i, one] of comparisons.entries()) {
    if (only && !only.includes(one.piece)) continue;
    if (await finishedReport(folder, one)) continue;
    const own = join(folder, one.path);
    printLine(
      io.stderr,
      colors.bold(
        `\ncomparison ${i + 1} of ${comparisons.length}: ${one.piece}, seed ${one.seed}; ${report.finished} finished in ${duration(report.seconds)}`,
      ),
    );
    try {
      const continues = await isComparison(own);
      await mkdir(own, { recursive: true });
      const made = await runComparison({ config: one.config, folder: own, continues, flags, io });
      await writeReport(own, made);
    } catch (error) {
      if (error instanceof InterruptedError) {
        throw new InterruptedError(error.signal, `Stopped at ${one.path}. Continue with: ${again}`);
      }
      failed[one.path] = messageOf(error);
      printLine(io.stderr, colors.red(`${one.path} failed: ${messageOf(error)}`));
    }
    report = await reportStudy(study, folder, failed);
    await onReport(report);
  }
  return report;
}
