/**
 * Counts in a Vitest JSON report, as "passed failed skipped" on stdout. A test file that could not be loaded holds no test
 * and counts as one failure.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const unloaded = report.testResults.filter(
  ({ status, assertionResults }) =>
    status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
);
const failed = report.numFailedTests + unloaded.length;
console.log(report.numPassedTests, failed, report.numPendingTests + report.numTodoTests);
