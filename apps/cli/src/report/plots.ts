/// <reference lib="dom" />
/**
 * The figures of a report as SVG, drawn by Observable Plot on a document of linkedom's.
 *
 * Colours are CSS variables of the page (`--arm-0`, `--arm-1`, …, `--floor`), so that one figure serves light and dark.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { magnitude, significant } from '../format.ts';
import { Markup } from './markup.ts';

/** One line of a figure. */
export interface Line {
  readonly name: string;
  /** place among the report's arms: decides the colour */
  readonly arm: number;
  readonly points: readonly LinePoint[];
}

/** A point, with the ends of an interval where it has one. */
export interface LinePoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

export interface FigureOptions {
  readonly lines: readonly Line[];
  readonly x: {
    readonly label: string;
    readonly log?: boolean;
    readonly ticks?: readonly number[];
    readonly domain?: readonly [number, number];
  };
  readonly y: { readonly label: string; readonly log?: boolean; readonly domain?: readonly [number, number] };
  /** a dashed line across, with its name */
  readonly floor?: { readonly y: number; readonly name: string };
  /** thin lines across, such as goals */
  readonly rules?: readonly number[];
  /** marks at the points; without them, a line is thin and its running mean is drawn over it */
  readonly dots: boolean;
  readonly width: number;
  readonly height: number;
  /** what a reader who does not see the figure is told */
  readonly description: string;
}

const { document } = parseHTML('<!doctype html><html><body></body></html>');

export function armColor(arm: number): string {
  return `var(--arm-${arm})`;
}

/** Tick labels without needless digits: 0.05, 2, 115 k. */
function tick(value: number): string {
  if (Math.abs(value) >= 10_000) return magnitude(value).replace(/\.0+ /, ' ');
  return String(Number(value.toPrecision(3)));
}

/**
 * The mean over a window around each point: raw losses of batches hide where a curve goes. Geometric on a logarithmic
 * axis, so that a steep fall stays where it is.
 */
export function smooth(points: Line['points'], window: number, log: boolean): Line['points'] {
  const [to, from] = log ? [Math.log, Math.exp] : [(y: number) => y, (y: number) => y];
  return points.map(({ x }, i) => {
    // As many on either side, so that the ends are not pulled inwards.
    const reach = Math.min(window, i, points.length - 1 - i);
    const near = points.slice(i - reach, i + reach + 1);
    return { x, y: from(near.reduce((sum, { y }) => sum + to(y), 0) / near.length) };
  });
}

/** Digits of the ticks of a logarithmic axis, from few to many. */
const DIGITS = [
  [1, 2, 5],
  [1, 1.5, 2, 3, 4, 5, 7],
  [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9],
];

/** Round numbers that a logarithmic axis spans: 1, 2 and 5 times powers of ten, and more where these are few. */
export function logTicks([low, high]: readonly [number, number]): number[] {
  let ticks: number[] = [];
  for (const digits of DIGITS) {
    ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      ticks.push(...digits.map((digit) => Number((digit * 10 ** power).toPrecision(2))));
    }
    ticks = ticks.filter((tick) => tick >= low && tick <= high);
    if (ticks.length >= 4) break;
  }
  return ticks;
}

/** What a y axis shows: every value with some air around it, and zero on a linear one. */
function domainOf(values: readonly number[], log: boolean): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!log) return [Math.min(0, low), high * 1.05];
  const air = (high / low) ** 0.08;
  return [low / air, high * air];
}

function hasWhiskers({ points }: Line): boolean {
  return points.some(({ low, high }) => low !== undefined && high !== undefined);
}

/** Pixels between the whiskers of one arm and the next. */
const WHISKER_SHIFT = 5;

function marksOf(
  { name, arm, points }: Line,
  place: number,
  { dots, y, lines }: FigureOptions,
): Plot.Markish[] {
  const stroke = armColor(arm);
  if (!dots) {
    const mean = smooth(points, Math.max(1, Math.round(points.length / 40)), y.log === true);
    return [
      Plot.lineY(points, { x: 'x', y: 'y', stroke, strokeWidth: 1, strokeOpacity: 0.25 }),
      Plot.lineY(mean, { x: 'x', y: 'y', stroke, strokeWidth: 2.25 }),
    ];
  }
  const title = ({ x, y }: Line['points'][number]): string => `${name}: ${significant(y)} at ${tick(x)}`;
  const whiskers = points.flatMap(({ x, low, high }) =>
    low === undefined || high === undefined ? [] : [{ x, low, high }],
  );
  // Side by side, so that intervals of several arms can be told apart.
  const dx = hasWhiskers({ name, arm, points }) ? WHISKER_SHIFT * (place - (lines.length - 1) / 2) : 0;
  return [
    Plot.ruleX(whiskers, { x: 'x', y1: 'low', y2: 'high', stroke, strokeWidth: 1.5, strokeOpacity: 0.7, dx }),
    Plot.lineY(points, { x: 'x', y: 'y', stroke, strokeWidth: 2.25, dx }),
    Plot.dot(points, {
      x: 'x',
      y: 'y',
      r: 4,
      fill: stroke,
      stroke: 'var(--surface)',
      strokeWidth: 1.5,
      title,
      dx,
    }),
  ];
}

/** A floor less than this share of the lowest value would leave the curves no room: it is then written below them. */
const FLOOR_IN_VIEW = 0.4;

function floorMarks(floor: NonNullable<FigureOptions['floor']>, isInView: boolean): Plot.Markish[] {
  const fill = 'var(--floor)';
  if (!isInView) {
    return [
      Plot.text([`${floor.name}: ${significant(floor.y)} ↓`], {
        fill,
        frameAnchor: 'bottom-left',
        dx: 8,
        dy: -8,
      }),
    ];
  }
  return [
    Plot.ruleY([floor.y], { stroke: fill, strokeDasharray: '5 4', strokeWidth: 1.5 }),
    Plot.text([floor.name], { fill, y: floor.y, frameAnchor: 'right', textAnchor: 'end', dy: -9 }),
  ];
}

/** Draws a figure. @returns an `<svg>` that scales with the page */
export function drawFigure(options: FigureOptions): Markup {
  const { lines, x, y, floor, width, height, description } = options;
  const values = lines.flatMap(({ points }) =>
    points.flatMap(({ y: value, low = value, high = value }) => [low, value, high]),
  );
  const isInView = floor !== undefined && (!y.log || floor.y > FLOOR_IN_VIEW * Math.min(...values));
  const yDomain = y.domain ?? domainOf(isInView ? [...values, floor.y] : values, y.log === true);
  const figure = Plot.plot({
    document,
    width,
    height,
    marginLeft: 52,
    marginRight: 16,
    marginTop: 28,
    marginBottom: 40,
    style: { fontSize: '12px', fontFamily: 'inherit', background: 'none', overflow: 'visible' },
    ariaLabel: description,
    x: {
      type: x.log ? 'log' : 'linear',
      label: x.label,
      labelAnchor: 'center',
      labelArrow: 'none',
      tickFormat: tick,
      ...(x.ticks ? { ticks: [...x.ticks] } : { ticks: 5 }),
      ...(x.domain ? { domain: [...x.domain] } : {}),
      ...(x.log ? {} : { nice: false }),
      // Whiskers stand side by side, which must not push the first into the labels.
      ...(lines.some(hasWhiskers) ? { inset: 10 } : {}),
    },
    y: {
      type: y.log ? 'log' : 'linear',
      label: y.label,
      labelArrow: 'none',
      grid: true,
      tickSize: 0,
      tickFormat: tick,
      ticks: y.log ? logTicks(yDomain) : 5,
      domain: [...yDomain],
    },
    marks: [
      ...(floor ? floorMarks(floor, isInView) : []),
      Plot.ruleY(options.rules ?? [], { stroke: 'var(--floor)', strokeWidth: 1 }),
      ...lines.flatMap((line, place) => marksOf(line, place, options)),
    ],
  }) as unknown as { outerHTML: string };
  return new Markup(figure.outerHTML);
}
