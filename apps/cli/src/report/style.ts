/** The report's style sheet: system fonts, two palettes, nothing fetched. */
import { LIGHT } from '../figures/palette.ts';
import { Markup } from './markup.ts';

function variables(colors: Readonly<Record<string, string>>): string {
  return Object.entries(colors)
    .map(([name, color]) => `--${name}: ${color};`)
    .join(' ');
}

export const STYLE = new Markup(`
:root {
  color-scheme: light dark;
  ${variables(LIGHT)}
  --shadow: 0 1px 2px rgb(16 24 40 / 6%), 0 4px 16px rgb(16 24 40 / 5%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e131a; --surface: #171e28; --text: #e7ecf3; --muted: #97a3b4; --line: #2a3441;
    --arm-0: #f08c58; --arm-1: #62a8f5; --arm-2: #4fc592; --arm-3: #bb90ea; --arm-4: #ea7ba0; --arm-5: #c4c85a;
    --floor: #94a0b0; --good: #57c98f; --bad: #f08377; --shadow: none;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 1160px; margin: 0 auto; padding: 48px 24px 80px; }
header { max-width: 940px; margin-bottom: 32px; }
.eyebrow { margin: 0 0 12px; color: var(--muted); font-size: 14px; letter-spacing: .01em; }
h1 { margin: 0 0 16px; font-size: clamp(26px, 3.6vw, 38px); line-height: 1.2; font-weight: 650; letter-spacing: -.015em; text-wrap: balance; }
h2 { margin: 0 0 8px; font-size: 21px; font-weight: 650; letter-spacing: -.01em; }
h3 { margin: 24px 0 12px; font-size: 15px; font-weight: 650; }
p { margin: 0 0 16px; }
.lead p { margin: 0 0 6px; font-size: 17px; color: var(--muted); }
section { margin-top: 20px; padding: 28px; background: var(--surface); border: 1px solid var(--line); border-radius: 14px; box-shadow: var(--shadow); }
section > p { max-width: 760px; color: var(--muted); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(185px, 1fr)); gap: 14px; padding: 0; background: none; border: 0; box-shadow: none; }
.card { padding: 16px 18px; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
.card h2 { margin: 0 0 6px; font-size: 13px; font-weight: 500; color: var(--muted); letter-spacing: 0; }
.card .value { margin: 0; font-size: 27px; line-height: 1.2; font-weight: 650; letter-spacing: -.02em; font-variant-numeric: tabular-nums; white-space: nowrap; }
.card .note { margin: 4px 0 0; font-size: 13px; line-height: 1.4; color: var(--muted); }
.good { color: var(--good); } .bad { color: var(--bad); }
i { display: inline-block; width: 11px; height: 11px; margin-right: 8px; border-radius: 3px; }
i.dashed { width: 16px; height: 0; border-top: 2px dashed var(--floor); border-radius: 0; vertical-align: middle; }
.legend { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: 4px 24px; margin: 22px 0 0; padding: 10px 4px; background: var(--page); font-size: 15px; }
.split { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 36px; align-items: center; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 24px 36px; }
figure { margin: 0; min-width: 0; }
figure svg { display: block; width: 100%; height: auto; color: var(--muted); }
figcaption { margin-top: 8px; font-size: 14px; color: var(--muted); }
.scroll { overflow-x: auto; }
.figures + .scroll { margin-top: 24px; }
table { width: 100%; border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 0 9px 14px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child { padding-left: 0; text-align: left; }
thead th { font-size: 13px; font-weight: 500; color: var(--muted); }
tbody th { font-weight: 600; }
tbody tr:last-child > * { border-bottom: 0; }
.change th { font-weight: 500; color: var(--muted); } .change td { font-weight: 650; }
.samples { display: grid; grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); gap: 24px; align-items: start; }
.samples > :first-child { grid-column: span var(--arms); }
.samples .real { position: sticky; top: 52px; }
.grids { display: grid; grid-template-columns: repeat(var(--arms), minmax(0, 1fr)); gap: 16px; }
.samples img { display: block; width: 100%; height: auto; image-rendering: pixelated; border: 1px solid var(--line); border-radius: 8px; background: #fff; }
.samples figcaption span { float: right; font-variant-numeric: tabular-nums; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 8px 40px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 6px 16px; margin: 0; font-size: 14px; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
details { margin-top: 24px; } summary { cursor: pointer; font-weight: 600; font-size: 15px; }
pre { overflow-x: auto; padding: 16px; background: var(--page); border: 1px solid var(--line); border-radius: 8px; font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
@media (max-width: 820px) {
  main { padding: 28px 14px 48px; } section { padding: 20px 16px; } .cards { padding: 0; }
  .split, .samples { grid-template-columns: minmax(0, 1fr); gap: 20px; }
  .samples > :first-child { grid-column: auto; } .samples .real { position: static; max-width: 340px; } .grids { gap: 10px; }
}
@media print {
  body { background: none; } main { max-width: none; padding: 0; } .legend { position: static; }
  section, .card { box-shadow: none; } figure, table, .card { break-inside: avoid; }
}
`);
