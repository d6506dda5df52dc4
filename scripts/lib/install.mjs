/** Installs what the lockfile lists, if node_modules is not from this lockfile already. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { announce, pnpm } from './child.mjs';
import { digestFiles, isCurrent, writeStamp } from './stamp.mjs';
import { listPackages, root } from './workspace.mjs';

const STAMP = 'installed';

/** Brings node_modules up to date with pnpm-lock.yaml; silent and quick when it is. Throws SetupError. */
export async function ensureInstalled() {
  const packages = listPackages();
  const manifests = packages.map(({ folder }) => `${folder}/package.json`);
  const digest = digestFiles(['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests]);
  const complete = packages.every(
    ({ folder, manifest }) =>
      !(manifest.dependencies ?? manifest.devDependencies) ||
      existsSync(path.join(root, folder, 'node_modules')),
  );
  if (complete && isCurrent(STAMP, digest)) return;

  const done = announce('Installing packages');
  // A node_modules made with another store is replaced without asking: there may be nobody to answer.
  await pnpm(['install', '--frozen-lockfile', '--config.confirm-modules-purge=false'], {
    doing: 'install the packages',
    live: Boolean(process.stderr.isTTY),
  });
  writeStamp(STAMP, digest);
  done();
}
