import { AssignmentError } from '@immiscible/assignment';
import { MissingDataError } from '@immiscible/datasets';
import { MetricNumericError } from '@immiscible/metrics-fid';
import { ModelInputError, ModelWeightsError } from '@immiscible/models';
import { SamplingError, SchedulerConfigError } from '@immiscible/schedulers';
import { DeviceError, FormatError } from '@immiscible/tensor-core';
import { CheckpointError, ConfigError, DivergedError } from '@immiscible/trainer';
import { expect, it } from 'vitest';
import { InterruptedError, UsageError } from './errors.ts';
import { exitCodeOf, isExpected, messageOf } from './exit-code.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: something, write`), { code });
}

const missing = new MissingDataError({ op: 'open', wanted: 'a file', got: 'none', fix: 'give one' });

it.each<[unknown, number]>([
  [new UsageError('x'), 2],
  [new ConfigError('x'), 2],
  [missing, 2],
  [new ModelWeightsError('x'), 2],
  [new SchedulerConfigError('x'), 2],
  [new FormatError('x'), 2],
  [new AssignmentError('infeasible', 'x'), 2],
  [new CheckpointError('no run here', { cause: systemError('ENOENT') }), 2],
  [new CheckpointError('holds a run already'), 2],
  [systemError('ENOENT'), 2],
  [new CheckpointError('the disk is full', { code: 'write', cause: systemError('ENOSPC') }), 1],
  [new AssignmentError('solver-failure', 'x'), 1],
  [new DivergedError('x'), 1],
  [new SamplingError('x'), 1],
  [new MetricNumericError('x'), 1],
  [new ModelInputError('x'), 1],
  [new DeviceError('x'), 1],
  [systemError('ENOSPC'), 1],
])('%s: exit code %i, without a stack', (error, code) => {
  expect(exitCodeOf(error)).toBe(code);
  expect(isExpected(error)).toBe(true);
});

it('counts interrupts as shells do', () => {
  expect(exitCodeOf(new InterruptedError('SIGINT'))).toBe(130);
  expect(exitCodeOf(new InterruptedError('SIGTERM'))).toBe(143);
});

it('takes anything else for a defect', () => {
  expect([exitCodeOf(new TypeError('x')), exitCodeOf('text')]).toEqual([1, 1]);
  expect([isExpected(new TypeError('x')), isExpected('text')]).toEqual([false, false]);
});

it('says what the system means', () => {
  expect(messageOf(systemError('ENOSPC'))).toMatch(/^the disk is full .*free some space/);
  expect(messageOf(systemError('ENOENT'))).toMatch(/^there is no such file or folder/);
  expect(messageOf('text')).toBe('text');
});
