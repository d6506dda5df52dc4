/** Figures in sheets: what is written above the panels stays within them. */
import { describe, expect, it } from 'vitest';
import { PANEL, renderSheet } from '../src/figures/sheet.ts';
import { html } from '../src/report/markup.ts';
import { margins } from './ink.ts';

const panel = {
  title: 'demo',
  figure: html`<svg width="${PANEL.width}" height="${PANEL.height}"></svg>`,
};
const subtitle =
  'fashion-mnist train 16x16; denoising (v_prediction), DDIMScheduler; 686,769 parameters; 600 steps of 64, 38,400 images; ' +
  '1,000 samples a measurement; seeds 0, 1, 2';
const legend = Array.from({ length: 7 }, (_, i) => `runs/demo-${i}/immiscible`);

describe('renderSheet', () => {
  it.each([1, 2])('keeps its margins in %i columns', async (columns) => {
    const panels = Array.from({ length: columns }, () => panel);
    const svg = renderSheet({ title: 'Steps', subtitle, legend, panels, columns, description: 'Steps' });
    const { left, right } = await margins(Buffer.from(svg));
    expect(Math.min(left, right)).toBeGreaterThanOrEqual(22);
    const texts = [...svg.matchAll(/>([^<>]+)<\/text/g)].map(([, text]) => text!.trim());
    expect(texts.join(' ')).toContain(subtitle);
    expect(texts).toEqual(expect.arrayContaining(legend));
  });

  it('has no line for a subtitle that there is not', () => {
    const svg = renderSheet({
      title: 'Steps',
      legend: [],
      panels: [panel],
      columns: 1,
      description: 'Steps',
    });
    expect(svg.match(/<text/g)).toHaveLength(2);
  });
});
