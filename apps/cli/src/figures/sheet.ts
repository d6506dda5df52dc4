/**
 * Figures as files of their own: panels in rows under a title and a legend, on white, as SVG that any program shows, and as
 * PNG (drawn by librsvg, which comes with sharp).
 */
import { writeFileAtomic } from '@immiscible/trainer';
import sharp from 'sharp';
import { html, type Markup } from '../report/markup.ts';
import { armColor } from '../report/plots.ts';
import { caption, LETTER } from './caption.ts';
import { withColors } from './palette.ts';

export interface Panel {
  readonly title: string;
  /** an `<svg>` of the sheet's panel size */
  readonly figure: Markup;
}

export interface Sheet {
  readonly title: string;
  readonly subtitle?: string;
  /** names by the places of their colours */
  readonly legend: readonly string[];
  readonly panels: readonly Panel[];
  readonly columns: number;
  /** what a reader who does not see the figure is told */
  readonly description: string;
}

/** Size of a panel's figure, in pixels. */
export const PANEL = { width: 460, height: 300 } as const;

const MARGIN = 24;
const GAP = 28;
const PANEL_TITLE = 26;
/** Pixels of the PNG for one of the SVG. */
const DENSITY = 2;
const FONT = "Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";
const LEGEND_ROW = 20;

/** @returns the text of an SVG file without CSS variables, scripts or references */
export function renderSheet({ title, subtitle, legend, panels, columns, description }: Sheet): string {
  const used = Math.min(columns, panels.length);
  const rows = Math.ceil(panels.length / columns);
  const width = 2 * MARGIN + used * PANEL.width + (used - 1) * GAP;
  const under = { x: MARGIN, y: MARGIN + 36, width: width - 2 * MARGIN };
  const lines = subtitle === undefined ? { drawn: [], height: 0 } : caption(subtitle, under);
  const entries = legendPlaces(legend, width);
  const below = MARGIN + 36 + lines.height;
  const top = entries.length === 0 ? below - 8 : below + entries.at(-1)!.y + LEGEND_ROW;
  const height = top + rows * (PANEL.height + PANEL_TITLE + GAP);
  const svg = html`<svg
    xmlns="http://www.w3.org/2000/svg"
    width="${width}"
    height="${height}"
    viewBox="0 0 ${width} ${height}"
    font-family="${FONT}"
    role="img"
  >
    <title>${title}</title>
    <desc>${description}</desc>
    <rect width="${width}" height="${height}" fill="var(--surface)" />
    <text x="${MARGIN}" y="${MARGIN + 14}" font-size="18" font-weight="600" fill="var(--text)">${title}</text>
    ${lines.drawn}
    ${entries.map(
      ({ name, x, y }, i) =>
        html`<g transform="translate(${x} ${below + y})">
          <rect width="11" height="11" rx="3" fill="${armColor(i)}" />
          <text x="17" y="10" font-size="13" fill="var(--text)">${name}</text>
        </g>`,
    )}
    ${panels.map((panel, i) => {
      const x = MARGIN + (i % columns) * (PANEL.width + GAP);
      const y = top + Math.floor(i / columns) * (PANEL.height + PANEL_TITLE + GAP);
      return html`<g transform="translate(${x} ${y})">
        <text x="0" y="14" font-size="14" font-weight="600" fill="var(--text)">${panel.title}</text>
        <g transform="translate(0 ${PANEL_TITLE})" color="var(--muted)" fill="var(--muted)"
          >${panel.figure}</g
        >
      </g>`;
    })}
  </svg>`;
  return `${withColors(svg.text)}\n`;
}

/** Names side by side, in as many rows as they need; y from the first row. */
function legendPlaces(names: readonly string[], width: number): { name: string; x: number; y: number }[] {
  let [x, y] = [MARGIN, 0];
  return names.map((name) => {
    const extent = 18 + LETTER * name.length;
    if (x > MARGIN && x + extent > width - MARGIN) [x, y] = [MARGIN, y + LEGEND_ROW];
    const place = { name, x, y };
    x += extent + 20;
    return place;
  });
}

/** Writes `path.svg` and `path.png`. @returns both paths */
export async function writeFigure(path: string, svg: string): Promise<[string, string]> {
  const png = await sharp(Buffer.from(svg), { density: 72 * DENSITY })
    .png({ compressionLevel: 9 })
    .toBuffer();
  await writeFileAtomic(`${path}.svg`, svg);
  await writeFileAtomic(`${path}.png`, png);
  return [`${path}.svg`, `${path}.png`];
}
