import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  describeHold,
  describeCommand,
  parseHoldCommand,
  parseRelease,
  parseShellCommand,
  stageNamesOf,
  USUAL_HOLD_MS,
} from '../../../src/domain/build/hold.ts';
import { FILES_PLAN, stage } from '../../workflows/support/jobs.ts';

const USUAL = {
  forMs: USUAL_HOLD_MS,
  onFailure: false,
  before: undefined,
  failureOf: undefined,
  by: undefined,
};

describe('the input of the command `hold`', () => {
  const commands: [input: unknown, expected: object, why: string][] = [
    [undefined, USUAL, 'nothing: the usual time'],
    [null, USUAL, 'null, as some clients send nothing'],
    ['30m', { ...USUAL, forMs: 1_800_000 }, 'a time'],
    ['0', { ...USUAL, forMs: 0 }, 'no time: the end of a hold'],
    ['8h', { ...USUAL, forMs: 28_800_000 }, 'the longest'],
    [{ onFailure: true, by: 'alice' }, { ...USUAL, onFailure: true, by: 'alice' }, 'an object'],
    [{ before: 'step_script', time: '1m' }, { ...USUAL, before: 'step_script', forMs: 60_000 }, ''],
    [{ failureOf: 'get_sources' }, { ...USUAL, failureOf: 'get_sources' }, 'a failure'],
    [{ by: 'a\nb' }, USUAL, 'a name must not make lines'],
  ];
  for (const [input, expected, why] of commands) {
    it(`${JSON.stringify(input)} is understood: ${why}`, () => {
      assert.deepEqual(parseHoldCommand(input), expected);
    });
  }
  const refusals: [input: unknown, reason: RegExp][] = [
    ['8h1ms', /a hold lasts at most 8h0m0s/],
    ['-1m', /a time is written as "30m"/],
    ['soon', /a time is written as "30m"/],
    [30, /the input is a time/],
    [['30m'], /the input is a time/],
    [{ time: 30 }, /the input is a time/],
    [{ onFailure: 'yes' }, /the input is a time/],
    [{ before: {} }, /the input is a time/],
    [{ failureOf: 7 }, /the input is a time/],
    [{ before: 'a', failureOf: 'a' }, /the input is a time/],
    [{ befor: 'get_sources' }, /the input is a time/],
    [{ time: '30m', until: 'tomorrow' }, /the input is a time/],
  ];
  for (const [input, reason] of refusals) {
    it(`${JSON.stringify(input)} is refused: ${reason.source}`, () => {
      const command = parseHoldCommand(input);
      assert.match('refusal' in command ? command.refusal : 'understood', reason);
    });
  }
});

it('the end of a hold takes nothing, or who gives it', () => {
  for (const none of [undefined, null, '', {}]) {
    assert.deepEqual(parseRelease(none), { by: undefined });
  }
  assert.deepEqual(parseRelease({ by: 'alice' }), { by: 'alice' });
  assert.deepEqual(parseRelease({ by: 'a\nb' }), { by: undefined });
  for (const odd of [7, true, 'x', ['x'], { job: 7 }, { by: 'alice', time: '1m' }]) {
    assert.deepEqual(parseRelease(odd), { refusal: 'it takes no input' });
  }
});

it('lines of the trace name who has given which command, and when', () => {
  const atMs = Date.UTC(2026, 10, 29, 9, 5, 7);
  assert.equal(
    describeHold({ ...USUAL, onFailure: true, by: 'alice' }, atMs),
    'Hold by alice at 09:05:07 UTC: the containers are kept for 1h0m0s after the job, if it fails',
  );
  assert.equal(
    describeHold({ ...USUAL, before: 'get_sources' }, atMs),
    'Hold by somebody in Temporal at 09:05:07 UTC: the job stops before get_sources, for at most 1h0m0s',
  );
  assert.equal(
    describeCommand('Release', { what: 'the build goes on', by: 'bob', atMs }),
    'Release by bob at 09:05:07 UTC: the build goes on',
  );
});

it('each stage of a plan has one name, in order', () => {
  assert.deepEqual(stageNamesOf({ ...FILES_PLAN, secrets: stage('resolve_secrets') }), [
    ...['resolve_secrets', 'prepare_executor', 'prepare_script', 'get_sources', 'step_script'],
    ...['after_script', 'archive_cache', 'upload_artifacts_on_success'],
    ...['archive_cache_on_failure', 'upload_artifacts_on_failure', 'cleanup_file_variables'],
  ]);
});

describe('the input of the command `shell`', () => {
  const NOTHING = { by: undefined, container: undefined, isRunning: false };
  const orders: [input: unknown, expected: object, why: string][] = [
    [
      { by: 'alice', container: 'runner-abc-build', isRunning: true },
      { by: 'alice', container: 'runner-abc-build', isRunning: true },
      'all of it',
    ],
    [undefined, NOTHING, 'nothing, as from the UI'],
    ['alice', NOTHING, 'no object'],
    [{ by: 'a\nb', container: 'a\u001b[2J', isRunning: 'yes' }, NOTHING, 'nothing makes lines'],
    [{ container: 'a'.repeat(201) }, NOTHING, 'no container has so long a name'],
  ];
  for (const [input, expected, why] of orders) {
    it(`${JSON.stringify(input)?.slice(0, 60)} is understood: ${why}`, () => {
      assert.deepEqual(parseShellCommand(input), expected);
    });
  }
});
