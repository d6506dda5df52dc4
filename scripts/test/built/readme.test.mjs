/**
 * The README examples, against what is built: each is compiled with the published types under the repository's strictness
 * and run by plain Node in a folder that holds only the packages which that README says to install; those of others
 * come from the package's dependencies for development.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import ts from 'typescript';
import { afterAll, describe, expect, test } from 'vitest';
import { execute } from '../../lib/execute.mjs';
import { alsoInstalled, installLine, readExamples, toScript } from '../../lib/readme-examples.mjs';
import { stateFolder } from '../../lib/stamp.mjs';
import { listPackages, root } from '../../lib/workspace.mjs';

mkdirSync(stateFolder, { recursive: true });
const temporary = mkdtempSync(path.join(stateFolder, 'readme-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const packages = listPackages();
const everything = packages.filter(({ folder }) => folder.startsWith('packages/')).map(({ name }) => name);
const readmes = [
  { readme: 'README.md', installed: everything },
  ...packages
    .map(({ folder }) => ({ folder, readme: `${folder}/README.md` }))
    .filter(({ readme }) => existsSync(path.join(root, readme)))
    .map(({ folder, readme }) => ({
      readme,
      installed: installLine(readme),
      others: alsoInstalled(readme).map((name) => ({
        name,
        from: path.join(root, folder, 'node_modules', name),
      })),
    })),
];

/** An example as a file beside a node_modules with what is installed. */
function layOut({ readme, installed, others = [] }) {
  const folder = path.join(temporary, readme.replaceAll('/', '-'));
  mkdirSync(path.join(folder, 'node_modules/@immiscible'), { recursive: true });
  for (const name of installed) {
    const pkg = packages.find((other) => other.name === name);
    if (!pkg) throw new Error(`${readme} says to install ${name}, which is no package of this workspace`);
    symlinkSync(path.join(root, pkg.folder), path.join(folder, 'node_modules', name), 'dir');
  }
  for (const { name, from } of others) {
    if (!existsSync(from))
      throw new Error(`${readme} says to install ${name}, which the package does not depend on`);
    const link = path.join(folder, 'node_modules', name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(from, link, 'dir');
  }
  return readExamples(readme).map(({ line, code }) => {
    const file = path.join(folder, `line-${line}.mts`);
    writeFileSync(file, code);
    return { readme, line, file, code };
  });
}

const examples = readmes.flatMap(layOut);

const program = ts.createProgram(
  examples.map(({ file }) => file),
  {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [path.join(root, 'node_modules/@types')],
  },
);

function complaints(file) {
  return ts
    .getPreEmitDiagnostics(program, program.getSourceFile(file))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

describe('every package has an example', () => {
  test.each(everything)('%s', (name) => {
    const { folder } = packages.find((pkg) => pkg.name === name);
    expect(readExamples(`${folder}/README.md`).length).toBeGreaterThan(0);
    expect(installLine(`${folder}/README.md`)).toContain(name);
  });
});

describe('every example compiles, runs and prints', () => {
  test.each(examples)('$readme, line $line', async ({ file, code }) => {
    expect(complaints(file)).toEqual([]);
    const script = file.replace(/\.mts$/, '.mjs');
    writeFileSync(script, toScript(code));
    const printed = await execute(process.execPath, [script], { cwd: path.dirname(file) });
    expect(printed.trim()).not.toBe('');
  });
});
