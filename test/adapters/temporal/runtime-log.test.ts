import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import type { Logger, Runtime, RuntimeOptions } from '@temporalio/worker';
import { bridgeTemporalLog } from '../../../src/adapters/temporal/runtime-log.ts';
import { END_OF_BUILD } from '../../../src/domain/build/end-text.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import { recordingLog } from '../../support/recording-log.ts';

/** The real one can be installed only once in a process. This one only records its options. */
function installed() {
  const { log, said } = recordingLog();
  let options: RuntimeOptions | undefined;
  const runtime = { install: (given: RuntimeOptions) => void (options = given) };
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs };
  bridgeTemporalLog(runtime as unknown as typeof Runtime, { log, clock });
  const pass = (ms: number): void => void (nowMs += ms);
  return { options, logger: options?.logger as Logger, said, pass };
}

describe('the log of the Temporal SDK', () => {
  it('is part of the program’s log: faults with their level, routine messages at the debug level', () => {
    const { logger, said } = installed();
    logger.error('a fault', { taskQueue: 'q' });
    logger.warn('a warning');
    logger.info('an everyday thing');
    assert.deepEqual(said, [
      { level: 'error', message: 'a fault', fields: { taskQueue: 'q', sdk: 'temporal' } },
      { level: 'warn', message: 'a warning', fields: { sdk: 'temporal' } },
      { level: 'debug', message: 'an everyday thing', fields: { sdk: 'temporal' } },
    ]);
  });

  for (const message of ['No workflows registered', 'Task not found when completing']) {
    it(`tells only developers of "${message}", which is expected`, () => {
      const { logger, said } = installed();
      logger.warn(message, { sdk_component: 'core' });
      assert.deepEqual(
        said.map(({ level }) => level),
        ['debug'],
      );
    });
  }

  it('repeats the same line at most once a minute, whatever numbers it has', () => {
    const { logger, said, pass } = installed();
    const retry = (name: string, times: number): void => {
      logger.warn(`gRPC call ${name} retried ${times} times`);
    };
    retry('poll', 11);
    retry('poll', 12);
    retry('other', 12);
    pass(60_000);
    retry('poll', 99);
    assert.deepEqual(
      said.filter(({ level }) => level === 'warn').map(({ message }) => message),
      [
        'gRPC call poll retried 11 times',
        'gRPC call other retried 12 times',
        'gRPC call poll retried 99 times',
      ],
    );
    assert.equal(said.length, 4, 'whoever debugs sees them all');
  });

  const failed = (error: unknown) => ({
    ...{ error, activityType: 'prepareEnvironment', workflowId: 'build/one.test/7', attempt: 3 },
    taskToken: 'AAAA',
  });

  it('has no line for an activity that fails for good, because its build ends with the cause', () => {
    const { logger, said } = installed();
    const error = ApplicationFailure.nonRetryable('cannot pull image "x"', FailureType.ImagePull);
    logger.warn('Activity failed', failed(error));
    assert.deepEqual(
      said.map(({ level }) => level),
      ['debug'],
    );
  });

  it('names retried activities in plain words, once for each cause', () => {
    const { logger, said } = installed();
    const docker = ApplicationFailure.create({ message: 'Docker is away', type: 'Transient' });
    const disk = ApplicationFailure.create({ message: 'no space left', type: 'Transient' });
    for (const error of [docker, disk, docker]) logger.warn('Activity failed', failed(error));
    const step = { step: 'prepareEnvironment', build: 'build/one.test/7', tries: 3 };
    assert.deepEqual(
      said.filter(({ level }) => level === 'warn'),
      ['Docker is away', 'no space left'].map((reason) => ({
        level: 'warn',
        message: 'a step did not succeed, it is tried again',
        fields: { ...step, reason },
      })),
    );
  });

  it('has no line for a workflow that fails with its job, and a warning for other failures', () => {
    const { logger, said } = installed();
    const meta = { sdkComponent: 'worker', workflowId: 'build/one.test/7', error: new Error('x') };
    logger.warn('Workflow failed', { ...meta, [END_OF_BUILD]: true });
    logger.warn('Workflow failed', meta);
    assert.deepEqual(
      said.map(({ level }) => level),
      ['debug', 'warn'],
    );
  });

  it('passes on lines of the program’s workflows without fields of the SDK', () => {
    const { logger, said } = installed();
    const meta = { sdkComponent: 'workflow', namespace: 'default', runId: 'r', taskQueue: 'q' };
    const workflowId = 'feed-runners/node-1';
    logger.info('node drained', {
      ...meta,
      workflowType: 'feedRunners',
      workflowId,
      node: 'node-1',
    });
    const fields = { workflow: workflowId, node: 'node-1' };
    assert.deepEqual(said, [{ level: 'info', message: 'node drained', fields }]);
  });

  it('is passed on unchanged for a fault of the program', () => {
    const { logger, said } = installed();
    const error = new TypeError('x is undefined');
    logger.warn('Activity failed', failed(error));
    assert.equal(said[0]?.level, 'warn');
    assert.equal(said[0].fields['error'], error);
  });

  it('leaves SIGTERM to the program, which handles its own signals', () => {
    assert.deepEqual(installed().options?.shutdownSignals, []);
  });
});
