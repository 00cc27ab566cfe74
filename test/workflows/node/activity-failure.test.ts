import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import {
  isNodeSilent,
  isNotPickedUp,
  isProcessStopped,
} from '../../../src/workflows/node/activity-failure.ts';

const timeout = (type: TimeoutFailure['timeoutType']): Error =>
  new TimeoutFailure('the time for it is over', undefined, type);
/** As sdk-core reports a call that has not ended when its process stops. */
const STOPPED = new ApplicationFailure(
  'Worker is shutting down and this activity did not complete in time',
  'WorkerShutdown',
);

describe('a call that failed', () => {
  const cases: [why: string, cause: Error, reader: string | undefined][] = [
    ['its process was silent', timeout('HEARTBEAT'), 'isNodeSilent'],
    ['no process picked it up', timeout('SCHEDULE_TO_START'), 'isNotPickedUp'],
    ['its process was stopped', STOPPED, 'isProcessStopped'],
    ['it took too long', timeout('START_TO_CLOSE'), undefined],
    ['it was cancelled', new CancelledFailure('canceled'), undefined],
    ['it only names a cause', new ApplicationFailure('ScheduleToStart WorkerShutdown'), undefined],
  ];
  const readers = { isNodeSilent, isNotPickedUp, isProcessStopped };
  for (const [why, cause, reader] of cases) {
    it(`is known by its cause when ${why}`, () => {
      const failure = new ActivityFailure('failed', 'loadConfig', '1', 'TIMEOUT', 'node', cause);
      for (const [name, read] of Object.entries(readers)) {
        assert.equal(read(failure), name === reader, name);
        assert.equal(read(cause), false, `${name} of the cause alone`);
      }
    });
  }
});
