/** The report as a file beside the run's own. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CompareReport } from '@immiscible/trainer';
import { renderReport } from './render-report.ts';

/** Every picture that a report shows, by its path in the report. */
async function readPictures(
  folder: string,
  { arms, realGrid }: CompareReport,
): Promise<Map<string, Uint8Array>> {
  const paths = [realGrid, ...arms.flatMap(({ grids }) => Object.values(grids))];
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(folder, path))] as const)),
  );
}

/** Writes `report.html` into the folder of a run; a reader finds the old one or the new one, never a part. */
export async function writeReport(folder: string, report: CompareReport): Promise<string> {
  const path = join(folder, 'report.html');
  const partial = `${path}.partial`;
  try {
    await writeFile(partial, renderReport(report, await readPictures(folder, report)));
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  return path;
}
