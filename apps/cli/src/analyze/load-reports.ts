/** Finished comparisons as an analysis is given them: their folders, or the folder of a study's piece that holds them. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type CompareReport, isComparison } from '@immiscible/trainer';
import { UsageError } from '../errors.ts';

export interface LoadedReport {
  readonly folder: string;
  readonly report: CompareReport;
}

async function reportIn(folder: string): Promise<LoadedReport | undefined> {
  const text = await readFile(join(folder, 'report.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  return text === undefined ? undefined : { folder, report: JSON.parse(text) as CompareReport };
}

/**
 * The reports of one folder: its own, or those of the comparisons right in it.
 *
 * @throws UsageError where there are none, or they are not finished
 */
async function reportsOf(folder: string): Promise<LoadedReport[]> {
  const own = await reportIn(folder);
  if (own) return [own];
  if (await isComparison(folder)) {
    throw new UsageError(
      `${folder} holds a comparison that is not finished; finish it with: immiscible compare --resume ${folder}`,
    );
  }
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(names.sort().map((name) => reportIn(join(folder, name))));
  const reports = found.filter((one) => one !== undefined);
  if (reports.length > 0) return reports;
  throw new UsageError(
    `wants folders of finished comparisons (with a report.json), or of a study's piece; ${folder} holds none`,
  );
}

/** All reports, by rising seed. @throws UsageError */
export async function loadReports(folders: readonly string[]): Promise<LoadedReport[]> {
  const all = (await Promise.all(folders.map(reportsOf))).flat();
  return all.sort((a, b) => a.report.seed - b.report.seed);
}

/** What to call reports together: the name of the one, or of the folder that they are all from. */
export function nameOf(folders: readonly string[], reports: readonly LoadedReport[]): string {
  const [first] = reports;
  if (folders.length === 1) return basename(resolve(folders[0]!));
  return first!.report.name;
}
