/**
 * What a failure is called outside: 0 done, 1 the work failed, 2 what was asked or given cannot be used, 130 and 143
 * interrupted (128 + the number of SIGINT and SIGTERM, as shells count).
 */
import { AssignmentError } from '@immiscible/assignment';
import { DatasetError } from '@immiscible/datasets';
import { MetricArgumentError, MetricError } from '@immiscible/metrics-fid';
import { ModelConfigError, ModelError, ModelWeightsError } from '@immiscible/models';
import { SamplingError, SchedulerError } from '@immiscible/schedulers';
import { FormatError, TensorError } from '@immiscible/tensor-core';
import { CheckpointError, ConfigError, SampleError, TrainerError } from '@immiscible/trainer';
import { CommanderError } from 'commander';
import { InterruptedError, PartFailedError, UsageError } from './errors.ts';

const FAILED = 1;
const UNUSABLE = 2;
export const INTERRUPTED = { SIGINT: 130, SIGTERM: 143 } as const;

const inputErrors = [
  UsageError,
  ConfigError,
  SampleError,
  DatasetError,
  ModelConfigError,
  ModelWeightsError,
  FormatError,
  MetricArgumentError,
];
const expectedErrors = [
  ...inputErrors,
  PartFailedError,
  TrainerError,
  ModelError,
  SchedulerError,
  TensorError,
  MetricError,
  AssignmentError,
];

/** Codes of the system for a path that is not there, or not what it should be. */
const wrongPath = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ENAMETOOLONG', 'ELOOP']);

function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

function isOneOf(error: unknown, classes: readonly (abstract new (...args: never[]) => Error)[]): boolean {
  return classes.some((errorClass) => error instanceof errorClass);
}

/** The exit code for what a command threw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptedError) return INTERRUPTED[error.signal];
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : UNUSABLE;
  if (error instanceof AssignmentError) return error.code === 'solver-failure' ? FAILED : UNUSABLE;
  if (error instanceof SchedulerError) return error instanceof SamplingError ? FAILED : UNUSABLE;
  if (isOneOf(error, inputErrors)) return UNUSABLE;
  // A checkpoint that cannot be written is a failure; one that is not there or damaged is a wrong input.
  if (error instanceof CheckpointError) return error.code === 'write' ? FAILED : UNUSABLE;
  return wrongPath.has(systemCode(error) ?? '') ? UNUSABLE : FAILED;
}

/** Whether the message alone says what to do; anything else is a defect, and its stack is wanted. */
export function isExpected(error: unknown): boolean {
  return isOneOf(error, expectedErrors) || systemCode(error) !== undefined;
}

/** The text for people. */
export function messageOf(error: unknown): string {
  switch (systemCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `the disk is full (${(error as Error).message}); free some space and run the command again`;
    case 'ENOENT':
      return `there is no such file or folder (${(error as Error).message})`;
    case undefined:
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
