/** What stands under a figure's title, in as many lines as its width asks for. */
import { html, type Markup } from '../report/markup.ts';

/** About how wide a letter of 13 pixels is. */
export const LETTER = 7.2;
const LINE = 18;

/** The words of a text in lines of at most so many letters; a longer word has a line of its own. */
function wrapped(text: string, letters: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= letters) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/**
 * @param at left end and base line of the first line, and how wide it may be, in pixels
 * @returns the lines, and how much of the height they take
 */
export function caption(
  text: string,
  { x, y, width }: { x: number; y: number; width: number },
): { readonly drawn: readonly Markup[]; readonly height: number } {
  const lines = wrapped(text, Math.floor(width / LETTER));
  const drawn = lines.map(
    (line, i) => html`<text x="${x}" y="${y + LINE * i}" font-size="13" fill="var(--muted)">${line}</text>`,
  );
  return { drawn, height: 2 + LINE * lines.length };
}
