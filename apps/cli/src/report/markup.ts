/** HTML as template strings in which every value is escaped unless it is markup already. */

/** Markup: goes into a page as it is. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

type Value = string | number | Markup | undefined | readonly Value[];

function textOf(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string' || typeof value === 'number')
    return String(value).replace(/[&<>"']/g, (c) => entities[c]!);
  return value.map(textOf).join('');
}

/** `undefined` leaves nothing, a list is written one after the other. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(
    strings.reduce((out, text, i) => out + text + (i < values.length ? textOf(values[i]) : ''), ''),
  );
}
