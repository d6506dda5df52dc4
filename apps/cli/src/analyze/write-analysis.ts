/** The files of an analysis: a figure as SVG and PNG, the numbers as CSV and as JSON, side by side under one name. */
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeFileAtomic } from '@immiscible/trainer';
import { writeFigure } from '../figures/sheet.ts';
import { type Io, printJson, printLine } from '../io.ts';

export interface Analysis {
  /** plain JSON */
  readonly json: object;
  readonly csv: string;
  readonly svg: string;
}

/**
 * Writes `path.json`, `path.csv`, `path.svg` and `path.png`.
 *
 * @param path without an extension; one that it has is taken off
 * @returns the paths
 */
export async function writeAnalysis(path: string, { json, csv, svg }: Analysis): Promise<string[]> {
  const stem = join(dirname(path), basename(path).replace(/\.(svg|png|csv|json)$/, ''));
  await mkdir(dirname(stem), { recursive: true });
  await writeFileAtomic(`${stem}.json`, `${JSON.stringify(json, null, 2)}\n`);
  await writeFileAtomic(`${stem}.csv`, csv);
  return [...(await writeFigure(stem, svg)), `${stem}.csv`, `${stem}.json`];
}

/** Prints the table, or the JSON where it is asked for, and which files there are. */
export function printAnalysis(
  io: Io,
  { json }: Pick<Analysis, 'json'>,
  files: readonly string[],
  { text, asJson }: { readonly text: string; readonly asJson: boolean },
): void {
  if (asJson) {
    printJson(io.stdout, json);
    return;
  }
  printLine(io.stdout, text);
  printLine(io.stdout, `\n${files.join('\n')}`);
}
