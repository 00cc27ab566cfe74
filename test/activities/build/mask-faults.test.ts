import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLiveBuilds } from '../../../src/activities/build/live-builds.ts';
import { maskFaults } from '../../../src/activities/build/mask-faults.ts';
import { FailureType, FinalError, TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const SECRET = 'canary-of-a-masked-variable';

function callsOf(result: () => Promise<unknown>) {
  const variables = [{ key: 'IMAGE', value: SECRET, masked: true }];
  const context = contextOf({ job: { variables } });
  const live = createLiveBuilds(openProcess(createWorld(context)).ports);
  const calls = maskFaults(
    { call: ({ buildId }: { readonly buildId: string }) => live.open(buildId).then(result) },
    live,
  );
  return () => calls.call({ buildId: context.buildId });
}

describe('the error of an activity', () => {
  const faults: [kind: string, error: Error][] = [
    ['passes', new TransientError(`no image ${SECRET}`)],
    ['is final', new FinalError(FailureType.ImagePull, `no image ${SECRET}`)],
    ['is a bug', new Error('wrong', { cause: new Error(`cannot ${SECRET}`) })],
  ];
  for (const [kind, error] of faults) {
    it(`hides masked variables in message, stack and causes of a fault that ${kind}`, async () => {
      await assert.rejects(
        callsOf(() => Promise.reject(error)),
        (thrown: Error) => {
          const { message, stack, cause } = thrown;
          const texts = [message, stack, String(cause), (cause as Error | undefined)?.stack];
          assert.doesNotMatch(texts.join('\n'), new RegExp(SECRET));
          assert.match(texts.join('\n'), /\[MASKED\]/);
          return thrown === error;
        },
      );
    });
  }

  it('hides them in an outcome, and does not change other results', async () => {
    const outcome = { kind: 'system_failed', message: `no image ${SECRET}` };
    const masked = { kind: 'system_failed', message: 'no image [MASKED]' };
    assert.deepEqual(await callsOf(() => Promise.resolve(outcome))(), masked);
    const other = { kind: 'succeeded' };
    assert.equal(await callsOf(() => Promise.resolve(other))(), other);
  });

  it('does not change errors of the platform', async () => {
    const aborted = new DOMException('This operation was aborted', 'AbortError');
    await assert.rejects(
      callsOf(() => Promise.reject(aborted)),
      aborted,
    );
  });
});
