export { formatDataBench, formatStepBench } from './format.ts';
export { type BenchIo, run } from './run.ts';
export {
  type AssignmentBenchOptions,
  type AssignmentBenchResult,
  runAssignmentBench,
} from './suites/assignment.ts';
export { formatAssignmentBench } from './suites/assignment-table.ts';
export { type DataBenchOptions, type DataBenchReport, runDataBench } from './suites/data.ts';
export { type KernelsBenchOptions, type KernelsBenchReport, runKernelsBench } from './suites/kernels.ts';
export { formatKernelsBench } from './suites/kernels-table.ts';
export {
  formatObjectivesBench,
  type ObjectivesBenchOptions,
  type ObjectivesBenchReport,
  runObjectivesBench,
} from './suites/objectives.ts';
export { runStepBench, type StepBenchOptions, type StepBenchReport } from './suites/step.ts';
