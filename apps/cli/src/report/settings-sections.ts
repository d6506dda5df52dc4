/** What the numbers of a report cost, and what they were made with. */
import { type CompareReport } from '@immiscible/trainer';
import {
  bytes,
  count,
  duration,
  list,
  magnitude,
  milliseconds,
  plural,
  share,
  significant,
} from '../format.ts';
import { architectureFacts, objectiveText, samplerText } from '../config-text.ts';
import { html, type Markup } from './markup.ts';
import { armColor } from './plots.ts';

type Arm = CompareReport['arms'][number];

export function costSection({ arms }: CompareReport): Markup {
  const columns: readonly (readonly [string, (arm: Arm) => string])[] = [
    [
      'pairing',
      ({ assignment: { method, metric, precision } }) =>
        method === 'identity' ? 'none' : `${method}, ${metric}, ${precision}`,
    ],
    ['distance cut', ({ distanceReduction }) => share(distanceReduction)],
    ['training images', ({ images }) => count(images)],
    ['a step', ({ secondsPerStep }) => milliseconds(1000 * secondsPerStep)],
    ['images/s', ({ images, steps, secondsPerStep }) => count(images / steps / secondsPerStep)],
    ['training', ({ trainingSeconds }) => duration(trainingSeconds)],
    ['last loss', ({ loss }) => significant(loss.at(-1)?.loss ?? NaN)],
  ];
  return html`<section>
    <h2>Pairing and time</h2>
    <p>
      The distance cut is the share by which assignment brings an image and its noise nearer, on average over
      all batches. It falls with the number of pixels: about 2 % at 32×32 in colour. A step includes data,
      noise and assignment.
    </p>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">arm</th>
            ${columns.map(([title]) => html`<th scope="col">${title}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${arms.map(
            (arm, i) =>
              html`<tr>
                <th scope="row"><i style="background:${armColor(i)}"></i>${arm.name}</th>
                ${columns.map(([, text]) => html`<td>${text(arm)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

function facts(title: string, rows: readonly (readonly [string, string])[]): Markup {
  return html`<div>
    <h3>${title}</h3>
    <dl>
      ${rows.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
  </div>`;
}

function precisionText({ config, arms }: CompareReport): string {
  if (config.precision !== 'f16') return 'float32';
  const left = arms.map(({ name, skippedSteps = 0 }) => `${count(skippedSteps)} of ${name}`);
  return `float16 on float32 weights; steps skipped, where it overflowed: ${list(left)}`;
}

function averagingText(ema: CompareReport['config']['training']['ema']): string {
  if (ema.kind === undefined || ema.kind === 'decay') {
    return `decay ${ema.decay}${ema.warmup ? ' with warm-up' : ''}`;
  }
  switch (ema.kind) {
    case 'half-life':
      return `half-life ${plural(ema.images, 'image')}${ema.rampUp === null ? '' : `, at most ${ema.rampUp} of the images so far`}`;
    case 'power':
      return `power ${ema.power}, decay at most ${ema.maxDecay}`;
    case 'power-function':
      return `power function, relative deviation ${ema.relativeStd}`;
  }
}

export function settingsSection(report: CompareReport): Markup {
  const { config, dataset, parameters, features, seconds, peakMemoryBytes, versions } = report;
  const { model, training, optimizer, evaluation } = config;
  const { type, warmupSteps } = training.schedule;
  return html`<section>
    <h2>Settings</h2>
    <div class="facts">
      ${facts('Training', [
        ['data', `${dataset.name}: ${plural(dataset.images, 'image')}, [${dataset.shape.join(', ')}]`],
        ['steps', `${count(training.steps)} of ${plural(training.batchSize * training.accumulate, 'image')}`],
        [
          'optimizer',
          `${optimizer.type}, learning rate ${optimizer.learningRate}, ${type}, warm-up ${warmupSteps}`,
        ],
        ['clipping', training.maxGradientNorm === null ? 'none' : `global norm ${training.maxGradientNorm}`],
        ['averaging', averagingText(training.ema)],
        ['flips', training.flip ? 'yes' : 'no'],
        ['precision', precisionText(report)],
        ['seed', String(report.seed)],
      ])}
      ${facts('Model and sampling', [
        ['model', `${model._class_name}, ${magnitude(parameters)} parameters`],
        ...architectureFacts(model),
        ['learns', objectiveText(config)],
        ['sampler', samplerText(config)],
        ['measured on', `${plural(evaluation.samples, 'image')} in ${features} features`],
      ])}
      ${facts('Machine', [
        ['device', report.device],
        ['processor', report.processor],
        ['Node.js', `${report.node}, ${report.platform}`],
        ['time', duration(seconds)],
        ['memory', `${bytes(peakMemoryBytes)} at most`],
        [
          'versions',
          Object.entries(versions)
            .map(([name, version]) => `${name.replace('@immiscible/', '')} ${version}`)
            .join(', '),
        ],
      ])}
    </div>
    <details>
      <summary>The whole config</summary>
      <pre>${JSON.stringify(config, null, 2)}</pre>
    </details>
  </section>`;
}
