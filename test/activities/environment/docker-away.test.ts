import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createActivities } from '../../../src/activities/index.ts';
import { createLiveBuilds } from '../../../src/activities/build/live-builds.ts';
import { whenDockerAnswers } from '../../../src/activities/environment/docker-answers.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import type { Ports } from '../../../src/ports/index.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const SECRET = 'hunter2-hunter2';

/** A node without Docker. Time passes only during `sleep`. */
function openWithout(message: string) {
  const context = contextOf({
    job: { variables: [{ key: 'PASSWORD', value: SECRET, masked: true }] },
  });
  const { ports } = openProcess(createWorld(context));
  const slept = { ms: 0 };
  const away: Ports = {
    ...ports,
    engine: (runner) => ({
      ...ports.engine(runner),
      info: () => Promise.reject(new TransientError(message)),
    }),
    clock: {
      ...ports.clock,
      monotonicMs: () => 1_000_000 + slept.ms,
      sleep: (ms) => {
        slept.ms += ms;
        return Promise.resolve();
      },
    },
  };
  return { away, slept, buildId: context.buildId };
}

describe('a Docker that is away while a build is prepared', () => {
  it('is waited for five minutes by all tries of the preparation together', async () => {
    const { away, slept, buildId } = openWithout('cannot reach Docker');
    const build = await createLiveBuilds(away).open(buildId);
    const { signal } = new AbortController();
    for (let tries = 0; tries < 3; tries += 1) {
      await assert.rejects(whenDockerAnswers(build, away, signal), TransientError);
    }
    assert.ok(slept.ms >= 300_000 && slept.ms < 310_000, `${slept.ms} ms`);
  });

  it('is logged on the node with masked variables hidden', async () => {
    const { away, buildId } = openWithout(`cannot reach ${SECRET}`);
    const { node } = createActivities(away);
    await assert.rejects(
      runActivity(() => node.prepareEnvironment({ buildId })),
      { name: 'TransientError', message: 'cannot reach [MASKED]' },
    );
  });
});
