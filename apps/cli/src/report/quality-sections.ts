/** The figures and tables of a report about quality: by number of sampling steps, by training images, loss. */
import { type CompareReport } from '@immiscible/trainer';
import { change, list, plural, significant } from '../format.ts';
import { type Finding, reachedText, toneOf } from './finding.ts';
import { html, type Markup } from './markup.ts';
import { armColor, drawFigure, type Line } from './plots.ts';

type Values = Readonly<Record<string, number>>;

function numbersOf(values: Values): number[] {
  return Object.keys(values)
    .map(Number)
    .sort((a, b) => a - b);
}

/** The numbers of sampling steps that the arms were measured at, rising. */
export function samplingStepsOf({ arms }: CompareReport): number[] {
  return numbersOf(arms[0]?.frechet ?? {});
}

function linesOf({ arms }: CompareReport, values: (arm: CompareReport['arms'][number]) => Values): Line[] {
  return arms.map((arm, i) => {
    const own = values(arm);
    return { name: arm.name, arm: i, points: numbersOf(own).map((x) => ({ x, y: own[x]! })) };
  });
}

function stepsAxis(report: CompareReport): { label: string; log: boolean; ticks: number[] } {
  return { label: 'sampling steps', log: true, ticks: samplingStepsOf(report) };
}

/** Whether a logarithmic axis shows these values better: they are positive and span more than a factor of 10. */
function spansMuch(values: readonly number[]): boolean {
  const low = Math.min(...values);
  return low > 0 && Math.max(...values) / low > 10;
}

function armHead(name: string, arm: number): Markup {
  return html`<th scope="row"><i style="background:${armColor(arm)}"></i>${name}</th>`;
}

/** A table with a row for each arm and a column for each number of sampling steps. */
function byStepsTable(
  report: CompareReport,
  text: (arm: CompareReport['arms'][number], steps: number) => string,
  last: Markup | undefined,
): Markup {
  const steps = samplingStepsOf(report);
  return html`<table>
    <thead>
      <tr>
        <th scope="col">sampling steps</th>
        ${steps.map((n) => html`<th scope="col">${n}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${report.arms.map(
        (arm, i) =>
          html`<tr>
            ${armHead(arm.name, i)}${steps.map((n) => html`<td>${text(arm, n)}</td>`)}
          </tr>`,
      )}
      ${last}
    </tbody>
  </table>`;
}

export function qualityByStepsSection(report: CompareReport, { changes }: Finding): Markup {
  const { floor, features, config } = report;
  const lines = linesOf(report, (arm) => arm.frechet);
  const values = lines.flatMap(({ points }) => points.map(({ y }) => y));
  const changeRow =
    changes.length === 0
      ? undefined
      : html`<tr class="change">
          <th scope="row">change</th>
          ${samplingStepsOf(report).map((n) => {
            const found = changes.find(({ samplingSteps }) => samplingSteps === n);
            const tone = found ? toneOf(found.change) : 'plain';
            return html`<td class="${tone}">${found ? change(found.change) : ''}</td>`;
          })}
        </tr>`;
  const figure = drawFigure({
    lines,
    x: stepsAxis(report),
    y: { label: 'Fréchet distance', log: spansMuch(values) },
    floor: { y: floor.mean, name: 'real images' },
    dots: true,
    width: 520,
    height: 300,
    description: `Fréchet distance of ${list(report.arms.map(({ name }) => name))} by number of sampling steps`,
  });
  return html`<section>
    <h2>Quality by number of sampling steps</h2>
    <p>
      Fréchet distance in ${features} features between ${config.evaluation.samples} generated images and real
      ones, at the end of training; lower is better. Real images among themselves have
      ${significant(floor.mean)} ± ${significant(floor.standardDeviation, 2)}. This is not the FID, which has
      other features.
    </p>
    <div class="split">
      <figure>${figure}</figure>
      <div class="scroll">
        ${byStepsTable(report, (arm, n) => significant(arm.frechet[n] ?? NaN), changeRow)}
      </div>
    </div>
  </section>`;
}

export function qualityByImagesSection(
  report: CompareReport,
  { pair, reached }: Finding,
): Markup | undefined {
  const { arms, floor } = report;
  const curve = (arm: CompareReport['arms'][number], steps: number): Line['points'] =>
    arm.measurements.flatMap(({ images, quality }) => {
      const y = quality[steps]?.frechet;
      return y === undefined ? [] : [{ x: images, y }];
    });
  const followed = samplingStepsOf(report).filter((n) => arms.some((arm) => curve(arm, n).length > 1));
  if (followed.length === 0) return undefined;
  const values = followed.flatMap((n) => arms.flatMap((arm) => curve(arm, n).map(({ y }) => y)));
  const log = spansMuch(values);
  const figures = followed.map((steps) => {
    const lines = arms.map((arm, i) => ({ name: arm.name, arm: i, points: curve(arm, steps) }));
    const found = reached.find(({ samplingSteps }) => samplingSteps === steps);
    const caption = found
      ? `${plural(steps, 'sampling step')}; images to the final quality of ${pair?.baseline.name ?? ''}: ${reachedText(found)}`
      : plural(steps, 'sampling step');
    return html`<figure>
      ${drawFigure({
        lines,
        x: { label: 'training images', domain: [0, Math.max(...arms.map(({ images }) => images))] },
        y: { label: 'Fréchet distance', log },
        floor: { y: floor.mean, name: 'real images' },
        dots: true,
        width: 520,
        height: 280,
        description: `Fréchet distance with ${steps} sampling steps by training images`,
      })}
      <figcaption>${caption}</figcaption>
    </figure>`;
  });
  return html`<section>
    <h2>Quality during training</h2>
    <p>The same measurement after parts of the training, from the averaged weights.</p>
    <div class="figures">${figures}</div>
  </section>`;
}

export function precisionRecallSection(report: CompareReport): Markup {
  const figure = (label: string, values: (arm: CompareReport['arms'][number]) => Values): Markup =>
    html`<figure>
      ${drawFigure({
        lines: linesOf(report, values),
        x: stepsAxis(report),
        y: { label, domain: [0, 1] },
        dots: true,
        width: 520,
        height: 240,
        description: `${label} by number of sampling steps`,
      })}
    </figure>`;
  const two = (arm: CompareReport['arms'][number], n: number): string =>
    `${(arm.precision[n] ?? NaN).toFixed(2)} / ${(arm.recall[n] ?? NaN).toFixed(2)}`;
  return html`<section>
    <h2>Precision and recall</h2>
    <p>
      Precision: the share of generated images that lie among real ones. Recall: the share of real images that
      lie among generated ones. Both in the same features, with the third-nearest neighbour; higher is better.
    </p>
    <div class="figures">
      ${figure('precision', (arm) => arm.precision)} ${figure('recall', (arm) => arm.recall)}
    </div>
    <div class="scroll">${byStepsTable(report, two, undefined)}</div>
  </section>`;
}

export function lossSection(report: CompareReport): Markup {
  const lines = report.arms.map(({ name, loss }, i) => ({
    name,
    arm: i,
    points: loss.map(({ images, loss: y }) => ({ x: images, y })),
  }));
  const values = lines.flatMap(({ points }) => points.map(({ y }) => y));
  return html`<section>
    <h2>Training loss</h2>
    <p>
      A lower loss proves nothing here: with assigned noise, the noise is easier to guess from the noisy
      image, whatever the model learns. Only the measurements above say which model is better.
    </p>
    <figure>
      ${drawFigure({
        lines,
        x: { label: 'training images' },
        y: { label: 'mean squared error', log: spansMuch(values) },
        dots: false,
        width: 1060,
        height: 300,
        description: `Training loss of ${list(report.arms.map(({ name }) => name))} by training images`,
      })}
    </figure>
  </section>`;
}
