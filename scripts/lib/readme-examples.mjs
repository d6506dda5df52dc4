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

/** Names of this workspace's packages that the README says to install (`npm i …` or `npm install …`). */
export function installLine(readme) {
  return installed(readme).filter((name) => name.startsWith('@immiscible/'));
}

/** Names of other packages that it says to install for some of its examples; the package has them for development. */
export function alsoInstalled(readme) {
  return installed(readme).filter((name) => !name.startsWith('@immiscible/'));
}

function installed(readme) {
  if (!existsSync(path.join(root, readme))) return [];
  const text = readFileSync(path.join(root, readme), 'utf8');
  const named = [...text.matchAll(/^npm i(?:nstall)? (.+)$/gm)].flatMap((match) => match[1].split(/\s+/));
  return [...new Set(named)];
}

/** The example as JavaScript, since the oldest Node that we support runs no TypeScript. */
export function toScript(code) {
  const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
  return ts.transpileModule(code, { compilerOptions }).outputText;
}
