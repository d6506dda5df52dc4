/**
 * Shows that the layers (docs/architecture.md) are enforced: an import that they forbid, written into a package for a
 * moment, must be an error of ESLint, and one that they allow must not. Manifests are held against the same table, so that
 * what no import rule sees (`await import(…)`) cannot be resolved either.
 */
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { ESLint } from 'eslint';
import { Checks } from './lib/checks.mjs';
import { listPackages, root } from './lib/workspace.mjs';

const BOTTOM = ['random', 'fashion-mnist'];
const ROOMS = ['datasets', 'assignment', 'schedulers', 'models', 'metrics-fid'];
const UNDER_APPS = [...BOTTOM, 'tensor-core', ...ROOMS, 'trainer'];

/** What each package may import; said here once more, apart from the lint rule, so that neither can slip alone. */
const MAY_IMPORT = {
  random: [],
  'fashion-mnist': [],
  'tensor-core': BOTTOM,
  datasets: BOTTOM,
  assignment: BOTTOM,
  schedulers: BOTTOM,
  models: [...BOTTOM, 'tensor-core'],
  'metrics-fid': [...BOTTOM, 'tensor-core'],
  trainer: [...BOTTOM, 'tensor-core', ...ROOMS],
  cli: UNDER_APPS,
  bench: UNDER_APPS,
  browser: UNDER_APPS,
};

const checks = new Checks();
const packages = listPackages().map((pkg) => ({ ...pkg, short: pkg.name.replace('@immiscible/', '') }));
const names = packages.map(({ short }) => short);

await checks.run('the table names the packages that there are', () => {
  const missing = names.filter((name) => !MAY_IMPORT[name]);
  const gone = Object.keys(MAY_IMPORT).filter((name) => !names.includes(name));
  if (missing.length + gone.length > 0) {
    throw new Error(
      `Say in scripts/check-layers.mjs what these may import: ${[...missing, ...gone].join(', ')}.`,
    );
  }
});

for (const { short, uses } of packages) {
  await checks.run(`${short}: package.json depends only on what stands below`, () => {
    const above = uses.filter((name) => !MAY_IMPORT[short]?.includes(name.replace('@immiscible/', '')));
    if (above.length > 0) throw new Error(`it declares ${above.join(', ')}`);
  });
}

/** One file in each package that imports every other one; deleted again whatever happens. */
const probes = packages.map((pkg) => {
  const others = names.filter((name) => name !== pkg.short);
  const lines = others.map((name) => `export * from '@immiscible/${name}';`);
  const neighbour = pkg.short === 'random' ? 'packages/schedulers' : 'packages/random';
  lines.push(`export * from '${path.posix.relative(`${pkg.folder}/src`, `${neighbour}/src/index.ts`)}';`);
  return { ...pkg, others, lines, file: path.join(root, pkg.folder, 'src/layer-probe.ts') };
});
const remove = () => probes.forEach(({ file }) => rmSync(file, { force: true }));
process.on('exit', remove);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

for (const { file, lines } of probes) writeFileSync(file, `${lines.join('\n')}\n`);
const results = await new ESLint({ cwd: root }).lintFiles(probes.map(({ file }) => file));
remove();

for (const probe of probes) {
  const { messages } = results.find(({ filePath }) => filePath === probe.file);
  const refused = (line, rule) =>
    messages.some((message) => message.line === line && message.ruleId === rule);

  await checks.run(`${probe.short}: ESLint refuses imports that point up or sideways, and only those`, () => {
    const wrong = probe.others.filter(
      (name, i) => refused(i + 1, 'no-restricted-imports') === MAY_IMPORT[probe.short].includes(name),
    );
    if (wrong.length > 0) throw new Error(`not as in the table: ${wrong.join(', ')}`);
  });
  await checks.run(`${probe.short}: ESLint refuses a relative path into another package`, () => {
    if (!refused(probe.lines.length, 'import-x/no-relative-packages')) throw new Error('it was accepted');
  });
}
checks.finish();
