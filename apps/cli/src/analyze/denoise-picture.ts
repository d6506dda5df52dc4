/**
 * Figure 3 as a picture: what two models make of the same pure noise. Columns are seeds; rows are the noise, and for each
 * model its prediction, what that prediction takes away, the one-step image and the finished sample.
 */
import { arePoints, gridPng, type PureNoise } from '@immiscible/trainer';
import { caption } from '../figures/caption.ts';
import { withColors } from '../figures/palette.ts';
import { html, type Markup } from '../report/markup.ts';
import { armColor } from '../report/plots.ts';

export interface NamedPureNoise {
  readonly name: string;
  readonly found: PureNoise;
}

/** Noise beyond so many deviations is white or black. */
const DEVIATIONS = 3;
/** Pixels of a picture in the figure, about. */
const SIDE = 64;
const LABELS = 190;
const MARGIN = 24;
const TOP = 56;
const ROW_GAP = 6;
const GROUP_GAP = 18;

interface Row {
  readonly label: string;
  readonly images: Float32Array;
  /** whose it is; none: of both */
  readonly arm?: number;
}

/** x_T − ε̂, each image in its own contrast: what the network sees in the noise. */
function difference({ noise, predicted, shape }: PureNoise): Float32Array {
  const size = shape[0] * shape[1] * shape[2];
  const out = noise.map((value, i) => value - predicted[i]!);
  for (let from = 0; from < out.length; from += size) {
    const image = out.subarray(from, from + size);
    const most = image.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    if (most > 0) image.forEach((value, i) => (image[i] = value / most));
  }
  return out;
}

function rowsOf(models: readonly NamedPureNoise[]): Row[] {
  const noise = (values: Float32Array): Float32Array => values.map((value) => value / DEVIATIONS);
  return [
    { label: 'noise x_T', images: noise(models[0]!.found.noise) },
    ...models.flatMap(({ found }, arm): Row[] => [
      { label: 'predicted noise', images: noise(found.predicted), arm },
      { label: 'noise less prediction', images: difference(found), arm },
      { label: 'denoised in one step', images: found.image, arm },
      { label: `in ${found.steps} steps`, images: found.sample, arm },
    ]),
  ];
}

/**
 * Points in the plane are drawn as points: a row for each model, every point in the colour of the noise that it came from.
 *
 * @returns the text of an SVG file, pictures of images within it as PNG
 */
export async function renderDenoise(
  models: readonly NamedPureNoise[],
  seeds: readonly number[],
): Promise<string> {
  return arePoints(models[0]!.found.shape) ? drawPoints(models, seeds) : drawImages(models, seeds);
}

async function drawImages(models: readonly NamedPureNoise[], seeds: readonly number[]): Promise<string> {
  const { shape } = models[0]!.found;
  const scale = Math.max(1, Math.round(SIDE / shape[1]));
  const [gap, columns] = [1, seeds.length];
  const width = scale * (columns * (shape[2] + gap) - gap);
  const height = scale * shape[1];
  const parts: Markup[] = [];
  let y = TOP;
  let before: number | undefined;
  for (const { label, images, arm } of rowsOf(models)) {
    if (arm !== before) y += GROUP_GAP;
    const png = Buffer.from(await gridPng(images, shape, { columns, gap, scale })).toString('base64');
    const isFirst = arm !== undefined && arm !== before;
    before = arm;
    parts.push(
      html`${
          isFirst
            ? html`<rect
                  x="${MARGIN}"
                  y="${y}"
                  width="4"
                  height="${4 * height + 3 * ROW_GAP}"
                  fill="${armColor(arm)}"
                />
                <text x="${MARGIN + 14}" y="${y + 14}" font-size="14" font-weight="600" fill="var(--text)">
                  ${models[arm]!.name}
                </text>`
            : undefined
        }<text x="${MARGIN + 14}" y="${y + height / 2 + 10}" font-size="13" fill="var(--muted)">
          ${label}
        </text>
        <image
          x="${MARGIN + LABELS}"
          y="${y}"
          width="${width}"
          height="${height}"
          href="data:image/png;base64,${png}"
        />`,
    );
    y += height + ROW_GAP;
  }
  const [w, h] = [2 * MARGIN + LABELS + width, y + MARGIN];
  const row = seeds.every((seed, i) => seed === seeds[0]! + i);
  const which = row ? `${seeds[0]} to ${seeds.at(-1)}` : seeds.join(', ');
  const text = `Columns are seeds ${which}; the third row of each model has every image in its own contrast`;
  return page(models, text, [w, h], html`${parts}`);
}

/** Title, caption and background around what is drawn, which the caption moves down. */
function page(
  models: readonly NamedPureNoise[],
  text: string,
  [w, least]: readonly [number, number],
  drawn: Markup,
): string {
  const lines = caption(text, { x: MARGIN, y: MARGIN + 36, width: w - 2 * MARGIN });
  const h = least + lines.height;
  const names = models.map(({ name }) => name).join(' and ');
  const svg = html`<svg
    xmlns="http://www.w3.org/2000/svg"
    width="${w}"
    height="${h}"
    viewBox="0 0 ${w} ${h}"
    font-family="Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
    role="img"
  >
    <title>Pure noise, denoised: ${names}</title>
    <rect width="${w}" height="${h}" fill="var(--surface)" />
    <text x="${MARGIN}" y="${MARGIN + 14}" font-size="18" font-weight="600" fill="var(--text)">
      What pure noise says, at t = T
    </text>
    ${lines.drawn}
    <g transform="translate(0 ${lines.height})">${drawn}</g>
  </svg>`;
  return `${withColors(svg.text)}\n`;
}

/** Side of a picture of points. */
const PANEL = 190;
const PANEL_GAP = 14;
/** What a panel shows to either side of 0: of noise, and of what is scaled to [-1, 1]. */
const NOISE_EXTENT = 3.5;
const DATA_EXTENT = 1.25;

function drawPoints(models: readonly NamedPureNoise[], seeds: readonly number[]): string {
  const { noise } = models[0]!.found;
  const colors = seeds.map((_, i) => {
    const turn = Math.atan2(noise[2 * i + 1]!, noise[2 * i]!) / (2 * Math.PI);
    return `hsl(${Math.round(360 * (turn < 0 ? turn + 1 : turn))}, 70%, 42%)`;
  });
  const parts = models.map(({ name, found }, row) => {
    const top = TOP + GROUP_GAP + row * (PANEL + PANEL_GAP + 22);
    const panels = [
      { label: 'noise x_T', points: found.noise, extent: NOISE_EXTENT },
      { label: 'predicted noise', points: found.predicted, extent: NOISE_EXTENT },
      { label: 'denoised in one step', points: found.image, extent: DATA_EXTENT },
      { label: `in ${found.steps} steps`, points: found.sample, extent: DATA_EXTENT },
    ].map((panel, column) =>
      pointsPanel(panel, colors, [MARGIN + LABELS + column * (PANEL + PANEL_GAP), top]),
    );
    return html`<rect x="${MARGIN}" y="${top}" width="4" height="${PANEL}" fill="${armColor(row)}" />
      <text x="${MARGIN + 14}" y="${top + 14}" font-size="14" font-weight="600" fill="var(--text)"
        >${name}</text
      >
      ${panels}`;
  });
  const width = 2 * MARGIN + LABELS + 4 * PANEL + 3 * PANEL_GAP;
  const height = TOP + GROUP_GAP + models.length * (PANEL + PANEL_GAP + 22) + MARGIN;
  const text = `${seeds.length} points of noise, each in the colour of its direction, and what becomes of them`;
  return page(models, text, [width, height], html`${parts}`);
}

function pointsPanel(
  { label, points, extent }: { label: string; points: Float32Array; extent: number },
  colors: readonly string[],
  [x, y]: readonly [number, number],
): Markup {
  const place = (value: number): string => (((value / extent + 1) / 2) * PANEL).toFixed(1);
  const dots = colors.map(
    (color, i) =>
      html`<circle
        cx="${place(points[2 * i]!)}"
        cy="${place(-points[2 * i + 1]!)}"
        r="2"
        fill="${color}"
        fill-opacity="0.7"
      />`,
  );
  return html`<svg x="${x}" y="${y}" width="${PANEL}" height="${PANEL}">
      <rect width="${PANEL}" height="${PANEL}" fill="none" stroke="var(--line)" stroke-width="2" />
      ${dots}
    </svg>
    <text x="${x}" y="${y + PANEL + 16}" font-size="13" fill="var(--muted)">${label}</text>`;
}
