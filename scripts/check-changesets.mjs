/** Every package that is published says what changed: by a changeset, or by the changelog that its release left. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Checks } from './lib/checks.mjs';
import { listPackages, root } from './lib/workspace.mjs';

const packages = listPackages();
const folder = path.join(root, '.changeset');
const changesets = readdirSync(folder).filter((file) => file.endsWith('.md') && file !== 'README.md');
const named = new Set();

const checks = new Checks();
for (const file of changesets) {
  await checks.run(`.changeset/${file} names packages that exist and says why`, () => {
    const parts = /^---\n([^]*?)\n?---\n([^]*)$/.exec(readFileSync(path.join(folder, file), 'utf8'));
    if (!parts) throw new Error('it does not begin with a front matter between two lines of ---');
    for (const line of parts[1].split('\n').filter(Boolean)) {
      const [, name] = /^['"](.+)['"]: (?:patch|minor|major)$/.exec(line) ?? [];
      if (!packages.some((pkg) => pkg.name === name))
        throw new Error(`"${line}" is not '@immiscible/…': minor`);
      named.add(name);
    }
    if (parts[2].trim() === '') throw new Error('it has no text');
  });
}
for (const pkg of packages.filter(({ manifest }) => !manifest.private)) {
  await checks.run(`${pkg.name} has a changeset or a changelog`, () => {
    if (named.has(pkg.name) || existsSync(path.join(root, pkg.folder, 'CHANGELOG.md'))) return;
    throw new Error('add one: npx changeset');
  });
}
checks.finish();
