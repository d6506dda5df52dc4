/** The page's figures, drawn by Observable Plot. Colours are CSS variables, so that one figure serves light and dark. */
import * as Plot from '@observablehq/plot';
import { type CurvePoint } from '../history.ts';
import { type Arm, ARMS, type Pairing } from '../training.ts';

type Point = readonly [number, number];

const STYLE = { fontSize: '12px', fontFamily: 'inherit', background: 'none', overflow: 'visible' };
/** Links drawn of a batch: more are a tangle. */
const MOST_LINKS = 80;

const colorOf = (arm: Arm): string => `var(--${arm})`;

function pointsOf(data: Float32Array): Point[] {
  return Array.from({ length: data.length / 2 }, (_, i) => [data[2 * i]!, data[2 * i + 1]!]);
}

/** Ticks of the losses' logarithmic axis, as far as they are in view. */
const LOSS_TICKS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/** The losses of both arms, as they were and as running means. */
export function lossCurves(points: readonly CurvePoint[]): Element {
  const window = 2 * Math.round(points.length / ARMS.length / 40) + 1;
  const losses = points.map(({ loss }) => loss);
  const [low, high] = [Math.min(...losses) / 1.1, Math.max(...losses) * 1.1];
  const ticks = LOSS_TICKS.filter((tick) => tick >= low && tick <= high);
  return Plot.plot({
    width: 1040,
    height: 260,
    marginLeft: 52,
    marginBottom: 40,
    style: STYLE,
    ariaLabel: 'Loss of both arms over the steps',
    x: { label: 'step', labelAnchor: 'center', labelArrow: 'none', ticks: 6, tickFormat: 'd', nice: false },
    y: {
      label: 'loss',
      labelArrow: 'none',
      type: 'log',
      grid: true,
      tickSize: 0,
      ticks,
      tickFormat: '~g',
      domain: [low, high],
    },
    marks: ARMS.flatMap((arm) => {
      const own = points.filter((point) => point.arm === arm);
      const channels = { x: 'step', y: 'loss', stroke: colorOf(arm) };
      return [
        Plot.lineY(own, { ...channels, strokeWidth: 1, strokeOpacity: 0.25 }),
        Plot.lineY(
          own,
          Plot.windowY({ k: window, anchor: 'middle', reduce: 'mean' }, { ...channels, strokeWidth: 2.25 }),
        ),
      ];
    }),
  });
}

function square(reach: number, label: string, marks: Plot.Markish[]): Element {
  const axis = { domain: [-reach, reach], axis: null };
  return Plot.plot({
    width: 480,
    height: 480,
    margin: 4,
    style: STYLE,
    ariaLabel: label,
    x: axis,
    y: axis,
    marks,
  });
}

/** An arm's samples over points of the data set. @param samples, data [n, 2] */
export function scatter(arm: Arm, samples: Float32Array, data: Float32Array): Element {
  return square(1.15, `Samples of the ${arm} arm over the data`, [
    Plot.dot(pointsOf(data), { r: 2, fill: 'var(--muted)', fillOpacity: 0.35 }),
    Plot.dot(pointsOf(samples), { r: 2.5, fill: colorOf(arm), fillOpacity: 0.8 }),
  ]);
}

/** Which noise met which data of the latest batch: a line from each noise to its point. */
export function pairs(arm: Arm, { x0, noise }: Pairing): Element {
  const ends = pointsOf(x0).slice(0, MOST_LINKS);
  const links = pointsOf(noise[arm])
    .slice(0, MOST_LINKS)
    .map((from, i) => ({ from, to: ends[i]! }));
  return square(2.9, `Noise and data as the ${arm} arm pairs them`, [
    Plot.link(links, {
      x1: ({ from }: { from: Point }) => from[0],
      y1: ({ from }: { from: Point }) => from[1],
      x2: ({ to }: { to: Point }) => to[0],
      y2: ({ to }: { to: Point }) => to[1],
      stroke: colorOf(arm),
      strokeOpacity: 0.6,
    }),
    Plot.dot(ends, { r: 2, fill: 'var(--muted)' }),
  ]);
}
