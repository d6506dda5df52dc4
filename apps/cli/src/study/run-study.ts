/**
 * A study from beginning to end: its comparisons one after the other, each of which can be stopped and continued. Several
 * processes may share one: each takes what no other is at.
 */
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
import { FolderInUseError, withLock, withLockInTurn } from '../run-folder.ts';
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
  /** Called with what is known after every comparison, and at the end. */
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
 * Runs every comparison that is wanted, not finished, and not run by another process. One that fails (diverges, say) is
 * noted, and the others still run.
 *
 * @throws InterruptedError after Ctrl-C; ConfigError where a folder holds a comparison with another config
 */
export async function runStudy(options: RunStudyOptions): Promise<StudyReport> {
  const { study, folder, flags, io, only, again, onReport } = options;
  const colors = colorsFor(io.stderr, io.env);
  await mkdir(folder, { recursive: true });
  const comparisons = comparisonsOf(study);
  const failed: Record<string, string> = {};
  const writeDown = (): Promise<StudyReport> =>
    withLockInTurn(folder, async () => {
      const report = await reportStudy(study, folder, failed);
      await onReport(report);
      return report;
    });
  if (options.reportOnly) return writeDown();
  await reportStudy(study, folder);
  for (const [i, one] of comparisons.entries()) {
    if (only && !only.includes(one.piece)) continue;
    const which = `comparison ${i + 1} of ${comparisons.length}: ${one.piece}, seed ${one.seed}`;
    const own = join(folder, one.path);
    await mkdir(own, { recursive: true });
    try {
      await withLock(own, async () => {
        if (await finishedReport(folder, one)) return;
        const { finished, seconds } = await reportStudy(study, folder);
        printLine(io.stderr, colors.bold(`\n${which}; ${finished} finished in ${duration(seconds)}`));
        const continues = await isComparison(own);
        const made = await runComparison({ config: one.config, folder: own, continues, flags, io });
        await writeReport(own, made);
        await writeDown();
      });
    } catch (error) {
      if (error instanceof InterruptedError) {
        throw new InterruptedError(error.signal, `Stopped at ${one.path}. Continue with: ${again}`);
      }
      if (error instanceof FolderInUseError) {
        printLine(io.stderr, `\n${which}: another process is at it`);
        continue;
      }
      failed[one.path] = messageOf(error);
      printLine(io.stderr, colors.red(`${one.path} failed: ${messageOf(error)}`));
    }
  }
  return writeDown();
}
