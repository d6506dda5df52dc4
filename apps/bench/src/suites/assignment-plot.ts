/// <reference lib="dom" />
/** The assignment suite's solving times as a figure: a panel for each family, a line for each solver. */
import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import sharp from 'sharp';
import { type AssignmentBenchResult, type AssignmentBenchRow } from './assignment.ts';
import { AUTO, DENSE } from './assignment-solvers.ts';
import { titleOf } from './assignment-table.ts';

const PANEL = { width: 320, height: 300, perRow: 3 };
const MARGIN = 16;
const HEAD = 64;
const TITLE = 22;
const FONT = 'system-ui, DejaVu Sans, sans-serif';

/** Okabe and Ito's colours, which readers tell apart who see few; ours is the strongest. */
const COLOURS: Readonly<Record<string, string>> = {
  [AUTO]: '#d55e00',
  [DENSE]: '#e69f00',
  SciPy: '#0072b2',
  lap: '#009e73',
  lapx: '#56b4e9',
  lapjv: '#7b5ea7',
  munkres: '#777777',
};

const { document } = parseHTML('<!doctype html><html><body></body></html>');

/** @throws RangeError for a name that ends in neither */
export function checkPlotFile(file: string): void {
  if (!['.svg', '.png'].includes(extname(file).toLowerCase())) {
    throw new RangeError(`bench assignment: --plot wants a file that ends in .svg or .png, got ${file}`);
  }
}

/** Draws the figure into a file, .svg or .png by its name. */
export async function writeAssignmentPlot(result: AssignmentBenchResult, file: string): Promise<void> {
  checkPlotFile(file);
  const svg = drawAssignmentPlot(result);
  if (extname(file).toLowerCase() === '.svg') return writeFile(file, svg);
  await sharp(Buffer.from(svg), { density: 144 }).png().toFile(file);
}

/** @returns an SVG document by itself, on white */
export function drawAssignmentPlot({ rows, solvers, repeats }: AssignmentBenchResult): string {
  const names = new Set(rows.map(({ family }) => family));
  const families = [...names].map((name) => rows.filter(({ family }) => family === name));
  const drawn = solvers.map(({ name }) => name).filter((name) => rows.some((row) => name in row.solvers));
  const columns = Math.min(PANEL.perRow, families.length);
  const width = Math.max(columns * PANEL.width, 150 * drawn.length) + 2 * MARGIN;
  const lines = Math.ceil(families.length / columns);
  const height = HEAD + lines * (PANEL.height + TITLE) + MARGIN;
  const legend = drawn.map((name, i) => {
    const x = MARGIN + 8 + i * ((width - 2 * MARGIN) / drawn.length);
    return (
      `<circle cx="${x}" cy="46" r="5" fill="${colourOf(name)}"/>` +
      text(x + 10, 50, name === AUTO ? 'ours (auto)' : name === DENSE ? 'ours, dense JV' : name, 12)
    );
  });
  const panels = families.map((family, i) => {
    const x = MARGIN + (i % columns) * PANEL.width;
    const y = HEAD + Math.floor(i / columns) * (PANEL.height + TITLE);
    const [first] = family;
    const title = first ? text(x + 8, y + 16, titleOf(first), 12, 'bold') : '';
    return `${title}<g transform="translate(${x} ${y + TITLE})">${panel(family, drawn)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="${FONT}">`,
    `<title>Milliseconds for one assignment by batch size</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(
      MARGIN,
      24,
      `One assignment, milliseconds by batch size; one thread, medians of ${repeats} turns`,
      14,
      'bold',
    ),
    ...legend,
    ...panels,
    '</svg>',
  ].join('\n');
}

function colourOf(name: string): string {
  return COLOURS[name] ?? '#000000';
}

function text(x: number, y: number, content: string, size: number, weight = 'normal'): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="#222">${escaped}</text>`;
}

function panel(rows: readonly AssignmentBenchRow[], drawn: readonly string[]): string {
  // Ours last, so that it lies on top.
  const points = [...drawn].reverse().flatMap((name) =>
    rows.flatMap(({ size, solvers }) => {
      const time = solvers[name];
      return time ? [{ name, size, milliseconds: time.milliseconds }] : [];
    }),
  );
  const marks = { x: 'size', y: 'milliseconds', z: 'name' } as const;
  const colour = ({ name }: { name: string }): string => colourOf(name);
  const figure = Plot.plot({
    document,
    width: PANEL.width,
    height: PANEL.height,
    marginLeft: 48,
    marginBottom: 36,
    style: { fontSize: '11px', background: 'none' },
    x: {
      type: 'log',
      base: 2,
      label: 'batch size',
      labelAnchor: 'center',
      labelArrow: 'none',
      ticks: rows.map(({ size }) => size),
      tickFormat: (size: number) => String(size),
    },
    y: {
      type: 'log',
      label: 'ms',
      labelArrow: 'none',
      grid: true,
      tickFormat: (value: number) => String(value),
      ticks: 5,
    },
    marks: [
      Plot.lineY(points, { ...marks, stroke: colour, strokeWidth: 2 }),
      Plot.dot(points, { ...marks, fill: colour, r: 3.5, stroke: 'white' }),
    ],
  }) as unknown as { outerHTML: string };
  return figure.outerHTML;
}
