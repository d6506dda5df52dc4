/**
 * What `npm start`, `npm test`, `npm run immiscible` and `npm run bench` call: sets up what is missing, then becomes the
 * program asked for. It exists so that a fresh clone needs Node and npm and nothing else.
 *
 * Plain Node without a dependency, because it runs before anything is installed; this file also without syntax newer than
 * the oldest Node that could reach the version check.
 */
import process from 'node:process';

const NEEDED = [20, 19];
const version = process.versions.node.split('.').map(Number);

if (version[0] < NEEDED[0] || (version[0] === NEEDED[0] && version[1] < NEEDED[1])) {
  console.error(
    'Immiscible needs Node ' + NEEDED.join('.') + ' or newer; this is Node ' + process.versions.node + '.',
  );
  console.error('Install a current Node (https://nodejs.org) and run the same command again.');
  process.exitCode = 1;
} else {
  import('./lib/commands.mjs').then((commands) => commands.runCommand(process.argv.slice(2)));
}
