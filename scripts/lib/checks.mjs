/**
 * A list of checks outside a test runner: each runs, prints a line, and is counted. Where CI_COUNTS names a file, the
 * counts are left there for .ci/run.
 */
import { writeFileSync } from 'node:fs';
import process from 'node:process';

/** Runs checks one after the other; a check fails by throwing. */
export class Checks {
  #passed = 0;
  #failed = 0;

  /** Runs `check`; a failure is printed with its message and does not end the list. Resolves to whether it passed. */
  async run(name, check) {
    const started = performance.now();
    const seconds = () => `(${((performance.now() - started) / 1000).toFixed(1)} s)`;
    try {
      await check();
      this.#passed++;
      console.log(`ok      ${name} ${seconds()}`);
      return true;
    } catch (error) {
      this.#failed++;
      console.log(
        `FAILED  ${name} ${seconds()}\n${indent(error instanceof Error ? error.message : String(error))}`,
      );
      return false;
    }
  }

  /** Prints the counts, leaves them for .ci/run, and sets the exit code. */
  finish() {
    console.log(`${this.#passed} checks passed, ${this.#failed} failed`);
    if (process.env.CI_COUNTS) writeFileSync(process.env.CI_COUNTS, `${this.#passed} ${this.#failed} 0\n`);
    if (this.#failed > 0 || this.#passed === 0) process.exitCode = 1;
  }
}

function indent(text) {
  return text.replace(/^/gm, '        ');
}
