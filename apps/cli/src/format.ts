/** Numbers as people read them, in English: 115,200 · 57 % · 1 min 20 s. */

const groups = new Intl.NumberFormat('en');

/** 115200 → `115,200` */
export function count(value: number): string {
  return groups.format(Math.round(value));
}

/** To `digits` significant digits, without exponent where people would not write one: 0.03124 → `0.0312`. */
export function significant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(digits - 1);
  if (size >= 10 ** digits) return count(value);
  return new Intl.NumberFormat('en', {
    minimumSignificantDigits: digits,
    maximumSignificantDigits: digits,
    signDisplay: 'negative',
  })
    .format(value)
    .replace('-', '−');
}

/** A share as per cent, with its sign: −0.5712 → `−57 %`, 0.034 → `+3.4 %`. */
export function change(share: number): string {
  const percent = 100 * share;
  const digits = Math.abs(percent) < 9.95 ? 1 : 0;
  const text = Math.abs(percent).toFixed(digits);
  if (Number(text) === 0) return '±0 %';
  return `${percent < 0 ? '−' : '+'}${text} %`;
}

/** A share as per cent: 0.057 → `5.7 %`, 0 → `0 %` */
export function share(value: number): string {
  const percent = 100 * value;
  const text = percent.toFixed(Math.abs(percent) < 9.95 ? 1 : 0);
  return `${Number(text) === 0 ? '0' : text.replace('-', '−')} %`;
}

/** Seconds: `0.42 s`, `38 s`, `1 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours === 0) return `${minutes} min ${whole % 60} s`;
  return `${hours} h ${minutes} min`;
}

/** Milliseconds: `0.42 ms`, `151 ms`, `2.1 s`. */
export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${significant(ms / 1000)} s`;
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
}

/** Large numbers as people say them: 1112801 → `1.11 M` */
export function magnitude(value: number): string {
  const power = value < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(value) / 3));
  return power === 0
    ? count(value)
    : `${significant(value / 1000 ** power)} ${['', 'k', 'M', 'G', 'T'][power]}`;
}

/** Bytes in binary units: `1.2 GiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  const scaled = value / 1024 ** power;
  return `${power === 0 ? scaled : scaled.toFixed(scaled < 10 ? 1 : 0)} ${units[power]}`;
}

/** `a`, `a and b`, `a, b and c` */
export function list(items: readonly (string | number)[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** `1 step`, `20 steps` */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Breaks a text between words into lines of at most `width` characters; further lines are indented. */
export function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `  ${word}`;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join('\n');
}
