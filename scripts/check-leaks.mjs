/** No tracked file may tell on the machine it was written on: absolute paths of a home, hosts of a registry. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Checks } from './lib/checks.mjs';
import { root } from './lib/workspace.mjs';

const LEAKS = {
  'a path in a home folder': /(?<![\w.:/-])\/(?:root|home|Users)\/[\w.-]/,
  'the host of a registry': /resolved "?https?:|tarball: ?https?:|registry *= *https?:|registry\.npm/,
};

const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
  .split('\0')
  .filter((file) => file !== '' && file !== 'scripts/check-leaks.mjs');

/** Lines of tracked text files that match, as "file:line". */
function findLines(pattern) {
  return tracked.flatMap((file) => {
    const text = readFileSync(path.join(root, file), 'latin1');
    if (text.includes('\0') || !pattern.test(text)) return [];
    return text.split('\n').flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}`] : []));
  });
}

const checks = new Checks();
for (const [leak, pattern] of Object.entries(LEAKS)) {
  await checks.run(`no tracked file holds ${leak}`, () => {
    const lines = findLines(pattern);
    if (lines.length > 0) throw new Error(lines.join('\n'));
  });
}
checks.finish();
