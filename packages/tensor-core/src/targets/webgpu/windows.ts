/**
 * Values larger than an adapter's largest storage binding, seen through several bindings side by side.
 *
 * Kernels write `x[i]` whatever the size of x. Where x does not fit into one binding, the code is rewritten: reads
 * become a function that picks the window, writes another one. It costs a comparison or two an access, and is for the
 * adapters that allow 128 MiB; where a kernel can work on parts of its operands one after the other (products do) it
 * does so and never comes here.
 */

/** Bytes of a window: as much as a binding may have, in whole steps of where bindings may begin. */
export function windowBytes(bindingBytes: number, bindingAlignment: number): number {
  return Math.max(1, Math.floor(bindingBytes / bindingAlignment)) * bindingAlignment;
}

/** How many bindings `bytes` bytes take, wherever they begin in their value. */
export function windowsOf(bytes: number, bindingBytes: number, bindingAlignment: number): number {
  if (bytes + bindingAlignment <= bindingBytes) return 1;
  return Math.ceil((bytes + bindingAlignment) / windowBytes(bindingBytes, bindingAlignment));
}

/**
 * Functions that read (and write) element i of an array in windows `${name}_0`, `${name}_1`, …
 *
 * @param type WGSL type of an element of the array
 * @param elements of each window but the last
 */
export function windowFunctions(
  name: string,
  type: string,
  { count, elements, writable }: { count: number; elements: number; writable: boolean },
): string {
  const each = (statement: (window: string, at: string) => string): string =>
    Array.from({ length: count - 1 }, (_, k) => k + 1)
      .reverse()
      .map((k) => `  if (i >= ${k * elements}u) { ${statement(`${name}_${k}`, `i - ${k * elements}u`)} }`)
      .join('\n');
  const get = `fn ${name}_get(i: u32) -> ${type} {
${each((window, at) => `return ${window}[${at}];`)}
  return ${name}_0[i];
}`;
  if (!writable) return get;
  return `${get}
fn ${name}_put(i: u32, v: ${type}) {
${each((window, at) => `${window}[${at}] = v; return;`)}
  ${name}_0[i] = v;
}`;
}

/** The code with every `name[…]` as `name_get(…)`, and every `name[…] = v;` as `name_put(…, v);`. */
export function throughWindows(code: string, name: string): string {
  const access = new RegExp(`\\b${name}\\[`, 'g');
  let out = '';
  let from = 0;
  for (let match = access.exec(code); match; match = access.exec(code)) {
    const open = match.index + match[0].length;
    const close = matching(code, open, ']');
    const index = throughWindows(code.slice(open, close), name);
    out += code.slice(from, match.index);
    const assignment = /^\s*=(?!=)/.exec(code.slice(close + 1));
    if (assignment) {
      const start = close + 1 + assignment[0].length;
      const end = matching(code, start, ';');
      out += `${name}_put(${index}, ${throughWindows(code.slice(start, end).trim(), name)})`;
      from = end;
    } else {
      out += `${name}_get(${index})`;
      from = close + 1;
    }
    access.lastIndex = from;
  }
  return out + code.slice(from);
}

/** Where `closing` stands outside of brackets that are opened after `from`. */
function matching(code: string, from: number, closing: ']' | ';'): number {
  let depth = 0;
  for (let i = from; i < code.length; i++) {
    const c = code[i]!;
    if (depth === 0 && c === closing) return i;
    if (c === '[' || c === '(' || c === '{') depth++;
    else if (c === ']' || c === ')' || c === '}') depth--;
  }
  throw new Error(`a kernel's code has no ${closing} after ${JSON.stringify(code.slice(from, from + 40))}`);
}
