/**
 * The report of a comparison as one HTML file: no script, no request, readable in light and dark and on paper.
 *
 * It says first what was found, then shows what that rests on: quality, pictures, loss, cost, settings.
 */
import { type CompareReport } from '@immiscible/trainer';
import { cards } from './cards.ts';
import { findingOf } from './finding.ts';
import { html, type Markup } from './markup.ts';
import { armColor } from './plots.ts';
import {
  lossSection,
  precisionRecallSection,
  qualityByStepsSection,
  qualityByImagesSection,
} from './quality-sections.ts';
import { samplesSection } from './samples-section.ts';
import { costSection, settingsSection } from './settings-sections.ts';
import { STYLE } from './style.ts';

/** Arms by colour, shown wherever a figure has several. */
function legend({ arms }: CompareReport): Markup {
  return html`<p class="legend">
    ${arms.map(({ name }, i) => html`<span><i style="background:${armColor(i)}"></i>${name}</span>`)}<span
      ><i class="dashed"></i>real images among themselves</span
    >
  </p>`;
}

/**
 * Renders a report.
 *
 * @param pictures bytes of PNG files by their path in the report (`realGrid`, `grids` of every arm); what is missing is
 *   left out
 * @returns the text of an HTML file
 */
export function renderReport(
  report: CompareReport,
  pictures: ReadonlyMap<string, Uint8Array> = new Map(),
): string {
  const finding = findingOf(report);
  const { name, dataset, seed } = report;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${name}: ${finding.headline}</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <main>
          <header>
            <p class="eyebrow">Immiscible noise · ${name} · ${dataset.name} · seed ${seed}</p>
            <h1>${finding.headline}</h1>
            <div class="lead">${finding.details.map((sentence) => html`<p>${sentence}</p>`)}</div>
          </header>
          ${cards(finding)} ${legend(report)} ${qualityByStepsSection(report, finding)}
          ${qualityByImagesSection(report, finding)} ${samplesSection(report, pictures)}
          ${precisionRecallSection(report)} ${lossSection(report)} ${costSection(report)}
          ${settingsSection(report)}
        </main>
      </body>
    </html> `;
  return `${page.text.trim()}\n`;
}
