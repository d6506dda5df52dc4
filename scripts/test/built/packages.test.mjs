/** What is built is what the sources say: every package and app, from its dist, as plain Node loads it. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { execute } from '../../lib/execute.mjs';
import { listPackages, root } from '../../lib/workspace.mjs';

/** Names of the values that an index.ts exports; it may hold named re-exports only. */
function namedValues(index) {
  const source = ts.createSourceFile(index, readFileSync(index, 'utf8'), ts.ScriptTarget.Latest);
  return source.statements.flatMap((statement) => {
    const named = ts.isExportDeclaration(statement) && statement.exportClause;
    if (!named || !ts.isNamedExports(named)) {
      throw new Error(`${index} holds something other than named re-exports: ${statement.getText(source)}`);
    }
    return named.elements
      .filter((element) => !element.isTypeOnly && !statement.isTypeOnly)
      .map((element) => element.name.text);
  });
}

/** The page in docs is nobody's to import. */
const packages = listPackages().filter(({ manifest }) => manifest.exports);

for (const { name, folder, manifest } of packages) {
  describe(name, () => {
    const cwd = path.join(root, folder);

    test('dist exports the values that src/index.ts names, and declares their types', async () => {
      const print = `console.log(JSON.stringify(Object.keys(await import('${name}'))))`;
      const names = await execute(process.execPath, ['--input-type=module', '--eval', print], { cwd });
      expect(JSON.parse(names).sort()).toEqual(namedValues(path.join(cwd, 'src/index.ts')).sort());
      expect(existsSync(path.join(cwd, manifest.exports['.'].types))).toBe(true);
    });

    for (const [bin, file] of Object.entries(manifest.bin ?? {})) {
      test(`${bin} --help says how it is used`, async () => {
        expect(await execute(process.execPath, [file, '--help'], { cwd })).toMatch(/usage/i);
      });
    }
  });
}
