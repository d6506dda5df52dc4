/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import fc from 'fast-check';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { reportOf } from '../../test/report-fixture.ts';
import { html, Markup } from './markup.ts';
import { drawFigure, logTicks, smooth } from './plots.ts';
import { renderReport } from './render-report.ts';

describe('markup', () => {
  it('escapes every value that is no markup', () => {
    const evil = `<script>"a" & 'b'</script>`;
    expect(html`<p title="${evil}">${[1, undefined, new Markup('<br>')]}</p>`.text).toBe(
      '<p title="&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;">1<br></p>',
    );
  });
});

describe('figures', () => {
  it('tick at round numbers on logarithmic axes, more where these are few', () => {
    expect(logTicks([0.04, 3])).toEqual([0.05, 0.1, 0.2, 0.5, 1, 2]);
    expect(logTicks([2.9, 9.1])).toEqual([3, 4, 5, 7]);
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        fc.double({ min: 3, max: 1e6, noNaN: true }),
        (low, factor) => {
          const ticks = logTicks([low, low * factor]);
          expect(ticks.length).toBeGreaterThanOrEqual(4);
          for (const tick of ticks) expect(tick >= low && tick <= low * factor).toBe(true);
        },
      ),
    );
  });

  it('smooth with the mean of the neighbours that are there', () => {
    const points = [1, 2, 6, 3].map((y, x) => ({ x, y }));
    expect(smooth(points, 2, false).map(({ y }) => y)).toEqual([1, 3, 11 / 3, 3]);
    expect(smooth(points, 1, true)[1]!.y).toBeCloseTo(12 ** (1 / 3), 12);
    expect(smooth(points, 0, false)).toEqual(points);
  });

  it('are the same for the same numbers, in the colours of the page', () => {
    const draw = (): string =>
      drawFigure({
        lines: [{ name: 'a', arm: 1, points: [2, 10].map((x) => ({ x, y: 100 / x })) }],
        x: { label: 'steps', log: true, ticks: [2, 10] },
        y: { label: 'distance', log: true },
        floor: { y: 1, name: 'real' },
        dots: true,
        width: 400,
        height: 200,
        description: 'what it shows',
      }).text;
    expect(draw()).toBe(draw());
    const { document } = parseHTML(draw());
    expect(document.querySelector('svg')?.getAttribute('aria-label')).toBe('what it shows');
    expect(document.querySelector('g[aria-label=line]')?.getAttribute('stroke')).toBe('var(--arm-1)');
    expect([...document.querySelectorAll('circle title')].map(({ textContent }) => textContent)).toEqual([
      'a: 50.0 at 2',
      'a: 10.0 at 10',
    ]);
  });
});

describe('renderReport', () => {
  const report = reportOf({
    vanilla: { 2: 100, 10: 20 },
    immiscible: { 2: 50, 10: 25 },
    halfway: { vanilla: 200, immiscible: 150 },
  });
  const pictures = new Map(
    ['real.png', 'vanilla/grid.png', 'immiscible/grid.png'].map((path, i) => [path, Uint8Array.of(i)]),
  );
  const page = renderReport(report, pictures);
  const { document } = parseHTML(page);
  const texts = (selector: string): (string | null)[] =>
    [...document.querySelectorAll(selector)].map(
      ({ textContent }) => textContent?.replace(/\s+/g, ' ').trim() ?? null,
    );

  it('asks nobody for anything', () => {
    expect(page).not.toMatch(/https?:|url\(|@import|<script|<link/);
    const sources = [...document.querySelectorAll('[src], [href]')].map(
      (node) => node.getAttribute('src') ?? node.getAttribute('href'),
    );
    expect(sources).toHaveLength(5);
    for (const source of sources) expect(source).toMatch(/^data:image\/png;base64,/);
  });

  it('begins with the finding, and shows what it rests on', () => {
    expect(texts('h1')[0]).toMatch(/^Immiscible is better with 2 sampling steps and worse with 10/);
    expect(texts('section > h2')).toEqual([
      'Quality by number of sampling steps',
      'Quality during training',
      'Samples',
      'Precision and recall',
      'Training loss',
      'Pairing and time',
      'Settings',
    ]);
    expect(texts('tr.change > *')).toEqual(['change', '−50 %', '+25 %']);
    expect(texts('.card .value')).toEqual(['−50 %', '+25 %', '−25 %', '3.6 %', '100 ms']);
    expect(texts('img').length).toBe(5);
    expect(JSON.parse(texts('pre')[0]!)).toEqual(report.config);
  });

  it('shows what there is of one arm, without pictures', () => {
    const alone = parseHTML(renderReport(reportOf({ vanilla: { 2: 100 } }))).document;
    expect(alone.querySelectorAll('img')).toHaveLength(0);
    expect(alone.querySelectorAll('.card')).toHaveLength(0);
    expect(alone.querySelector('h1')?.textContent).toMatch(/^vanilla after 96 training images/);
  });

  it('lets no name through as markup', () => {
    const named = renderReport({ ...report, dataset: { ...report.dataset, name: '<img src=x>' } });
    expect(named).not.toContain('<img src=x>');
    expect(named).toContain('&lt;img src=x&gt;');
  });
});
