/** The packages and apps of the workspace, as their manifests describe them. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the workspace's root. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** Folders that packages lie in. */
const PARENTS = ['packages', 'apps', 'docs'];

/** Parsed JSON file, by its path from the root. */
export function readJson(file) {
  return JSON.parse(readFileSync(path.join(root, file), 'utf8'));
}

/**
 * Every package and app, and the page in docs, in the order of their names: `name` (`@immiscible/random`), `folder` (`packages/random`, from
 * the root), `manifest` (its package.json) and `uses` (names of the workspace packages that it declares).
 */
export function listPackages() {
  return PARENTS.filter((parent) => existsSync(path.join(root, parent))).flatMap((parent) =>
    readdirSync(path.join(root, parent), { withFileTypes: true })
      .filter(
        (entry) => entry.isDirectory() && existsSync(path.join(root, parent, entry.name, 'package.json')),
      )
      .map((entry) => describe(`${parent}/${entry.name}`))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
}

function describe(folder) {
  const manifest = readJson(`${folder}/package.json`);
  const declared = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  const uses = declared.filter(([, range]) => range.startsWith('workspace:')).map(([name]) => name);
  return { name: manifest.name, folder, manifest, uses };
}

/** The package in `folder` and every workspace package that it depends on, directly or not, itself last. */
export function withDependencies(folder, packages = listPackages()) {
  const found = new Set();
  const visit = (pkg) => {
    if (!pkg || found.has(pkg)) return;
    for (const name of pkg.uses) visit(packages.find((other) => other.name === name));
    found.add(pkg);
  };
  visit(packages.find((pkg) => pkg.folder === folder));
  return [...found];
}
