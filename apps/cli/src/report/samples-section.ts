/** The pictures of a report: every arm's images from the same seeds, side by side, for each number of sampling steps. */
import { type CompareReport } from '@immiscible/trainer';
import { plural, significant } from '../format.ts';
import { html, type Markup } from './markup.ts';
import { armColor } from './plots.ts';
import { samplingStepsOf } from './quality-sections.ts';

function picture(bytes: Uint8Array, description: string): Markup {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return html`<img src="data:image/png;base64,${data}" alt="${description}" />`;
}

export function samplesSection(
  report: CompareReport,
  pictures: ReadonlyMap<string, Uint8Array>,
): Markup | undefined {
  const { arms, realGrid, dataset } = report;
  const rows = samplingStepsOf(report).flatMap((steps) => {
    const figures = arms.flatMap(({ name, grids, frechet }, i) => {
      const bytes = pictures.get(grids[steps] ?? '');
      if (!bytes) return [];
      return html`<figure>
        ${picture(bytes, `Images of ${name} with ${steps} sampling steps`)}
        <figcaption>
          <i style="background:${armColor(i)}"></i>${name}
          <span>Fréchet ${significant(frechet[steps] ?? NaN)}</span>
        </figcaption>
      </figure>`;
    });
    if (figures.length === 0) return [];
    return html`<h3>${plural(steps, 'step')}</h3>
      <div class="grids" style="--arms:${arms.length}">${figures}</div>`;
  });
  const real = pictures.get(realGrid);
  if (rows.length === 0 && !real) return undefined;
  return html`<section>
    <h2>Samples</h2>
    <p>The same seeds in the same places, so that a picture can be held against the one beside it.</p>
    <div class="samples" style="--arms:${arms.length};--columns:${arms.length + (real ? 1 : 0)}">
      <div>${rows}</div>
      ${
        real
          ? html`<div class="real">
              <h3>Real images</h3>
              <figure>
                ${picture(real, `Images of ${dataset.name}`)}
                <figcaption><i class="dashed"></i>${dataset.name}</figcaption>
              </figure>
            </div>`
          : undefined
      }
    </div>
  </section>`;
}
