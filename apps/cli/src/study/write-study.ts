/** The files that a study leaves: tables in Markdown and CSV, figures, and everything as JSON. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type PieceSummary, writeFileAtomic } from '@immiscible/trainer';
import { duration } from '../format.ts';
import { type Panel, renderSheet, writeFigure } from '../figures/sheet.ts';
import { changePanel, curvePanels, stepsPanel } from './panels.ts';
import { markdownOf, READING } from './tables.ts';
import { curvesCsv, qualityCsv, thresholdsCsv } from './tables-as-csv.ts';

/** What `study.json` holds. */
export interface StudyReport {
  readonly name: string;
  /** comparisons in all, and those that are finished */
  readonly planned: number;
  readonly finished: number;
  /** comparisons that ended with an error, by their folders */
  readonly failed: Readonly<Record<string, string>>;
  readonly pieces: readonly PieceSummary[];
  /** of the finished comparisons, all sessions */
  readonly seconds: number;
}

function markdown({ name, planned, finished, failed, pieces, seconds }: StudyReport): string {
  const failures = Object.entries(failed).map(([path, message]) => `- ${path} failed: ${message}`);
  return [
    `# ${name}`,
    `${finished} of ${planned} comparisons, ${duration(seconds)}.${failures.length > 0 ? ' Some failed:' : ''}`,
    ...(failures.length > 0 ? [failures.join('\n')] : []),
    READING,
    ...pieces.map(markdownOf),
  ].join('\n\n');
}

/** Arms that any piece has, in order of appearance; pieces whose arms have other places get figures of their own. */
function sharedArms(pieces: readonly PieceSummary[]): readonly string[] {
  const lists = pieces.map(({ arms }) => arms.map(({ name }) => name));
  return lists.reduce((longest, names) => (names.length > longest.length ? names : longest), []);
}

/** Writes all files into `folder`. @returns their paths */
export async function writeStudy(folder: string, report: StudyReport): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const { pieces } = report;
  const texts: Record<string, string> = {
    'study.json': `${JSON.stringify(report, null, 2)}\n`,
    'study.md': `${markdown(report)}\n`,
    'quality.csv': qualityCsv(pieces),
    'curves.csv': curvesCsv(pieces),
    'images-to-quality.csv': thresholdsCsv(pieces),
  };
  for (const [file, text] of Object.entries(texts)) await writeFileAtomic(join(folder, file), text);
  const present = (panels: readonly (Panel | undefined)[]): Panel[] =>
    panels.filter((panel) => panel !== undefined);
  const sheets = {
    'quality-by-steps': {
      title: 'Quality by number of sampling steps',
      panels: present(pieces.flatMap((piece) => [stepsPanel(piece), stepsPanel(piece, 'slicedWasserstein')])),
    },
    'change-by-steps': {
      title: 'Change of the Fréchet distance, pair by pair',
      panels: present(pieces.map(changePanel)),
    },
    'quality-by-images': {
      title: 'Quality by training images',
      panels: pieces.flatMap(curvePanels),
    },
  };
  const figures: string[] = [];
  for (const [file, { title, panels }] of Object.entries(sheets)) {
    if (panels.length === 0) continue;
    const sheet = renderSheet({
      title,
      subtitle: 'Means over seeds; bars are 95 % confidence intervals; lower is better',
      legend: sharedArms(pieces),
      panels,
      columns: 2,
      description: `${title}: ${pieces.map(({ name }) => name).join(', ')}`,
    });
    figures.push(...(await writeFigure(join(folder, file), sheet)));
  }
  return [...Object.keys(texts).map((file) => join(folder, file)), ...figures];
}
