/** Builds an app and what it depends on, if its sources changed since they were last built. */
import path from 'node:path';
import { announce, pnpm } from './child.mjs';
import { digestFiles, isCurrent, listFiles, writeStamp } from './stamp.mjs';
import { withDependencies } from './workspace.mjs';

/** What turbo.json leaves out of a build's inputs too. */
const NO_INPUT = /(^|\/)(node_modules|dist|golden|test|scripts|\.turbo)$|\.test\.ts$|\.md$/;
const SHARED_INPUTS = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'tsconfig.base.json', 'turbo.json'];

/** Brings dist of `folder` ("apps/cli") and of its dependencies up to date; silent and quick if they are. Throws SetupError. */
export async function ensureBuilt(folder) {
  const packages = withDependencies(folder);
  const digest = () =>
    digestFiles([
      ...SHARED_INPUTS,
      ...packages.flatMap((pkg) => [
        ...listFiles(pkg.folder, (file) => NO_INPUT.test(file)),
        // what was built counts as well: it may have been deleted, or built by hand from other sources
        ...Object.values(pkg.manifest.bin ?? {}).map((file) => path.posix.join(pkg.folder, file)),
        `${pkg.folder}/dist/index.js`,
      ]),
    ]);
  const stamp = `built-${path.basename(folder)}`;
  if (isCurrent(stamp, digest())) return;

  const done = announce(`Building ${packages.length} packages`);
  await pnpm(
    [
      'exec',
      'turbo',
      'run',
      'build',
      `--filter=./${folder}...`,
      '--output-logs=errors-only',
      '--concurrency=100%',
    ],
    {
      doing: 'build the packages',
    },
  );
  writeStamp(stamp, digest());
  done();
}
