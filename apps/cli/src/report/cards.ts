/** The few numbers that a reader of the report takes along. */
import { change, milliseconds, plural, share, significant } from '../format.ts';
import { type Finding, reachedText, toneOf } from './finding.ts';
import { html, type Markup } from './markup.ts';

function card(label: string, value: string, note: string, tone: 'good' | 'bad' | 'plain' = 'plain'): Markup {
  return html`<div class="card">
    <h2>${label}</h2>
    <p class="value ${tone}">${value}</p>
    <p class="note">${note}</p>
  </div>`;
}

/** One row of cards; those that the arms do not allow are left out. */
export function cards({ pair, changes, reached }: Finding): Markup {
  const shown: Markup[] = [];
  const [few] = changes;
  const many = changes.at(-1);
  for (const one of few === many ? [few] : [few, many]) {
    if (!one) continue;
    const { samplingSteps, baseline, treated, change: value } = one;
    const note = `${significant(baseline)} → ${significant(treated)}`;
    shown.push(
      card(`Fréchet distance, ${plural(samplingSteps, 'step')}`, change(value), note, toneOf(value)),
    );
  }
  const [first, ...others] = [...reached].sort((a, b) => (a.images ?? Infinity) - (b.images ?? Infinity));
  if (pair && first) {
    const saved = first.images === undefined ? undefined : first.images / first.ofImages - 1;
    const rest = others.map((one) => `; ${reachedText(one)} with ${one.samplingSteps}`).join('');
    const note = `to ${pair.baseline.name}’s final quality with ${plural(first.samplingSteps, 'step')}${rest}`;
    const value = saved === undefined ? 'not reached' : change(saved);
    shown.push(card('Training images', value, note, saved === undefined ? 'bad' : toneOf(saved)));
  }
  if (pair) {
    const { baseline, treated } = pair;
    const slower = change(treated.secondsPerStep / baseline.secondsPerStep - 1);
    shown.push(
      card('Distance cut', share(treated.distanceReduction), 'between an image and its noise'),
      card(
        'A training step',
        milliseconds(1000 * treated.secondsPerStep),
        `${slower} against ${baseline.name}`,
      ),
    );
  }
  return html`<section class="cards">${shown}</section>`;
}
