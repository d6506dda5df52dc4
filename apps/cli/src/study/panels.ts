/** A summary over seeds as panels of figures: quality by sampling steps, and by training images. */
import { type BatchSizeRow, type Measured, type PieceSummary } from '@immiscible/trainer';
import { plural } from '../format.ts';
import { PANEL, type Panel } from '../figures/sheet.ts';
import { drawFigure, type LinePoint } from '../report/plots.ts';
import { type QualityView } from './tables.ts';

function point(x: number, { mean, low, high }: Measured): LinePoint {
  return { x, y: mean, low, high };
}

/** Whiskers on a logarithmic axis go no further down than this share of the mean: to 0 would be without end. */
const SHORTEST = 0.5;

/** Whether a logarithmic axis shows these values better: they are positive and span more than a factor of 3. */
function wantsLog(points: readonly LinePoint[]): boolean {
  const values = points.map(({ y }) => y);
  return Math.min(...values) > 0 && Math.max(...values) > 3 * Math.min(...values);
}

function onAxis(points: readonly LinePoint[], log: boolean): LinePoint[] {
  const least = (y: number): number => (log ? SHORTEST * y : 0);
  return points.map(({ x, y, low, high }) => ({
    x,
    y,
    high,
    low: low === undefined ? undefined : Math.max(low, least(y)),
  }));
}

interface NamedLine {
  readonly name: string;
  readonly arm: number;
  readonly points: readonly LinePoint[];
}

/** The lines, cut to what the axis can show, and whether it is logarithmic. */
function arranged(lines: readonly NamedLine[]): { lines: NamedLine[]; log: boolean } {
  const log = wantsLog(lines.flatMap(({ points }) => points));
  return { lines: lines.map((line) => ({ ...line, points: onAxis(line.points, log) })), log };
}

/** Fréchet distance (or another metric) at the end of training, by number of sampling steps (figure 5, table 4). */
export function stepsPanel(
  piece: QualityView,
  metric: 'frechet' | 'slicedWasserstein' = 'frechet',
): Panel | undefined {
  const { name, arms, quality, floor, slicedFloor } = piece;
  const { lines, log } = arranged(
    arms.map((arm, i) => ({
      name: arm.name,
      arm: i,
      points: quality
        .flatMap((row) => {
          const value = row[metric];
          return row.arm === arm.name && value ? [point(row.samplingSteps, value)] : [];
        })
        .sort((a, b) => a.x - b.x),
    })),
  );
  const all = lines.flatMap(({ points }) => points);
  if (all.length === 0) return undefined;
  const real = metric === 'frechet' ? floor : slicedFloor;
  const label = metric === 'frechet' ? 'Fréchet distance' : 'sliced Wasserstein distance';
  const ticks = [...new Set(all.map(({ x }) => x))];
  return {
    title: metric === 'frechet' ? name : `${name}, pixels`,
    figure: drawFigure({
      lines,
      x: { label: 'sampling steps', log: ticks.length > 1, ticks },
      y: { label, log },
      ...(real === undefined ? {} : { floor: { y: real, name: 'real images' } }),
      dots: true,
      ...PANEL,
      description: `${label} of ${name} by sampling steps`,
    }),
  };
}

/** Per cent; intervals of few seeds may end anywhere above. */
const MOST_SHOWN = 100;

/** How arms change the Fréchet distance of the baseline, pair by pair, by number of sampling steps; 0 is no change. */
export function changePanel(piece: QualityView): Panel | undefined {
  const { name, arms, quality, baseline } = piece;
  if (baseline === undefined) return undefined;
  const percent = (value: number | undefined): number | undefined =>
    value === undefined ? value : 100 * value;
  const lines = arms.flatMap((arm, i): NamedLine[] => {
    const points = quality.flatMap((row): LinePoint[] => {
      if (row.arm !== arm.name || row.against === undefined) return [];
      const { mean, low, high } = row.against.change;
      return [
        {
          x: row.samplingSteps,
          y: 100 * mean,
          low: percent(low),
          high: high === undefined ? undefined : Math.max(100 * mean, Math.min(100 * high, MOST_SHOWN)),
        },
      ];
    });
    return points.length === 0 ? [] : [{ name: arm.name, arm: i, points: points.sort((a, b) => a.x - b.x) }];
  });
  if (lines.length === 0) return undefined;
  const ticks = [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))];
  const ends = lines.flatMap(({ points }) => points.flatMap(({ y, low = y, high = y }) => [low, high]));
  const [least, most] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const air = 0.05 * (most - least);
  return {
    title: `${name}: change against ${baseline}`,
    figure: drawFigure({
      lines,
      x: { label: 'sampling steps', log: ticks.length > 1, ticks },
      y: {
        label: 'change of the Fréchet distance, %',
        domain: [least - air, most + air],
      },
      rules: [0],
      dots: true,
      ...PANEL,
      description: `Paired change of the Fréchet distance of ${name} against ${baseline} by sampling steps`,
    }),
  };
}

/** Fréchet distance by training images, with the goals that images are counted to (figures 4, 7 and 8, table 3). */
export function curvePanel(piece: PieceSummary, samplingSteps: number): Panel {
  const { name, arms, curves, thresholds, floor } = piece;
  const { lines, log } = arranged(
    arms.map((arm, i) => ({
      name: arm.name,
      arm: i,
      points: curves.flatMap((row) =>
        row.arm === arm.name && row.samplingSteps === samplingSteps ? [point(row.images, row.frechet)] : [],
      ),
    })),
  );
  const goals = thresholds.flatMap((row) => (row.samplingSteps === samplingSteps ? [row.goal] : []));
  return {
    title: `${name}, ${plural(samplingSteps, 'sampling step')}`,
    figure: drawFigure({
      lines,
      x: { label: 'training images', domain: [0, piece.images] },
      y: { label: 'Fréchet distance', log },
      floor: { y: floor, name: 'real images' },
      rules: [...new Set(goals)],
      dots: true,
      ...PANEL,
      description: `Fréchet distance of ${name} with ${samplingSteps} sampling steps by training images`,
    }),
  };
}

/** Every curve that was measured. */
export function curvePanels(piece: PieceSummary): Panel[] {
  const steps = [...new Set(piece.curves.map(({ samplingSteps }) => samplingSteps))];
  return steps.map((samplingSteps) => curvePanel(piece, samplingSteps));
}

/** Fréchet distance with and without assignment by batch size (figure 8); arms have the places of the pairing's. */
export function batchSizePanel(rows: readonly BatchSizeRow[], samplingSteps: number): Panel {
  const own = rows.filter((row) => row.samplingSteps === samplingSteps);
  const { lines, log } = arranged(
    (['vanilla', 'immiscible'] as const).map((name, arm) => ({
      name,
      arm,
      points: own.map((row) => point(row.batchSize, row[name].frechet)),
    })),
  );
  const ticks = own.map(({ batchSize }) => batchSize);
  return {
    title: `batch sizes, ${plural(samplingSteps, 'sampling step')}`,
    figure: drawFigure({
      lines,
      x: { label: 'images in a batch', log: ticks.length > 1, ticks },
      y: { label: 'Fréchet distance', log },
      dots: true,
      ...PANEL,
      description: `Fréchet distance by batch size with ${samplingSteps} sampling steps`,
    }),
  };
}
