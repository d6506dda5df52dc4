/** The ts examples of a README: they are promises, so CI runs them as they stand. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { root } from './workspace.mjs';

/**
 * Every ```ts block of a README (path from the root; none if there is no such file), as `{ line, code }` with the line on
 * which the code begins.
 */
export function readExamples(readme) {
  if (!existsSync(path.join(root, readme))) return [];
  const text = readFileSync(path.join(root, readme), 'utf8');
  return [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map((match) => ({
    line: text.slice(0, match.index).split('\n').length + 1,
    code: match[1],
  }));
}

/** Names of the packages that the README says to install (`npm i …` or `npm install …`). */
export function installLine(readme) {
  if (!existsSync(path.join(root, readme))) return [];
  const text = readFileSync(path.join(root, readme), 'utf8');
  const named = [...text.matchAll(/^npm i(?:nstall)? (.+)$/gm)].flatMap((match) => match[1].split(/\s+/));
  return [...new Set(named)].filter((name) => name.startsWith('@immiscible/'));
}

/** The example as JavaScript, since the oldest Node that we support runs no TypeScript. */
export function toScript(code) {
  const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
  return ts.transpileModule(code, { compilerOptions }).outputText;
}
