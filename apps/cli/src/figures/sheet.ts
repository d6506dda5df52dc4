/**
 * Figures as files of their own: panels in rows under a title and a legend, on white, as SVG that any program shows, and as
 * PNG (drawn by librsvg, which comes with sharp).
 */
import { writeFileAtomic } from '@immiscible/trainer';
import sharp from 'sharp';
import { html, type Markup } from '../report/markup.ts';
import { armColor } from '../report/plots.ts';
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
/** About how wide a letter is, for a legend in one row. */
const LETTER = 7.2;

/** @returns the text of an SVG file without CSS variables, scripts or references */
export function renderSheet({ title, subtitle, legend, panels, columns, description }: Sheet): string {
  const used = Math.min(columns, panels.length);
  const rows = Math.ceil(panels.length / columns);
  const top = MARGIN + 28 + (subtitle === undefined ? 0 : 20) + (legend.length === 0 ? 0 : 28);
  const width = 2 * MARGIN + used * PANEL.width + (used - 1) * GAP;
  const height = top + rows * (PANEL.height + PANEL_TITLE + GAP);
  const below = subtitle === undefined ? 0 : 20;
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
    ${
      subtitle === undefined
        ? undefined
        : html`<text x="${MARGIN}" y="${MARGIN + 36}" font-size="13" fill="var(--muted)">${subtitle}</text>`
    }
    ${legendEntries(legend, MARGIN + 36 + below)}
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

function legendEntries(names: readonly string[], y: number): Markup[] {
  let x = MARGIN;
  return names.map((name, i) => {
    const at = x;
    x += 18 + LETTER * name.length + 20;
    return html`<g transform="translate(${at} ${y})">
      <rect width="11" height="11" rx="3" fill="${armColor(i)}" />
      <text x="17" y="10" font-size="13" fill="var(--text)">${name}</text>
    </g>`;
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
