/** The colours of figures on white, and of the report's light palette. */

/** By the names of the report's CSS variables. */
export const LIGHT = {
  page: '#f6f7f9',
  surface: '#ffffff',
  text: '#16202e',
  muted: '#5c6878',
  line: '#e2e6ec',
  'arm-0': '#d9622b',
  'arm-1': '#1769c7',
  'arm-2': '#178a5c',
  'arm-3': '#8a4fc2',
  'arm-4': '#b0335f',
  'arm-5': '#6b6f1d',
  floor: '#66707f',
  good: '#127a4b',
  bad: '#b3362b',
} as const;

/** Puts colours in the place of CSS variables, for programs that know none. @returns the same text */
export function withColors(svg: string): string {
  return svg.replace(
    /var\(--([\w-]+)\)/g,
    (whole, name: string) => LIGHT[name as keyof typeof LIGHT] ?? whole,
  );
}
