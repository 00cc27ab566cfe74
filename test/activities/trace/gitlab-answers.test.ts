import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLiveBuilds } from '../../../src/activities/build/live-builds.ts';
import { whenGitlabAnswers } from '../../../src/activities/trace/gitlab-answers.ts';
import { FailureType, FinalError, TransientError } from '../../../src/domain/failure.ts';
import type { UpdateReply } from '../../../src/ports/index.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const RUNNING: UpdateReply = { kind: 'done', remote: 'running' };
const AWAY = new TransientError('connect ECONNREFUSED');

interface Options {
  /** Ends the wait before the pause of this number. */
  readonly stopsAt?: number;
}

/** GitLab gives these answers, one after the other. Returns also the pauses between the requests. */
async function wait(answers: readonly (UpdateReply | Error)[], { stopsAt }: Options = {}) {
  const context = contextOf();
  const world = createWorld(context);
  const stop = new AbortController();
  const pauses: number[] = [];
  const { ports } = openProcess(world, {
    coordinator: {
      updateJob: () => {
        const reply = answers[pauses.length] ?? RUNNING;
        return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
      },
    },
  });
  const clock = {
    ...ports.clock,
    sleep: (ms: number) => {
      pauses.push(ms);
      if (pauses.length === stopsAt) stop.abort(new Error('stopped'));
      return Promise.resolve();
    },
  };
  const own = { ...ports, clock };
  const build = await createLiveBuilds(own).open(context.buildId);
  const presence = await whenGitlabAnswers(build, { key: 'k', ports: own, signal: stop.signal });
  return { presence, pauses, said: world.spool.saved.text };
}

describe('the wait for GitLab', () => {
  it('is none while it answers', async () => {
    assert.deepEqual(await wait([]), { presence: 'answers', pauses: [], said: '' });
  });

  it('has longer and longer pauses, at most of fifteen seconds, and is told of once', async () => {
    const { presence, pauses, said } = await wait(Array.from({ length: 6 }, () => AWAY));
    assert.equal(presence, 'was_away');
    assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    assert.equal(said.split('GitLab is waited for: connect ECONNREFUSED').length, 2);
  });

  it('ends when GitLab no longer wants the job', async () => {
    const gone: UpdateReply = { kind: 'job_gone', status: 403 };
    assert.equal((await wait([AWAY, gone])).presence, 'refuses');
  });

  it('is over when another process of GitLab holds the job’s lock', async () => {
    assert.equal((await wait([{ kind: 'conflict' }])).presence, 'answers');
  });

  it('ends by a fault that waiting does not mend', async () => {
    const refused = new FinalError(FailureType.RunnerSystem, 'certificate');
    await assert.rejects(wait([AWAY, refused]), refused);
  });

  it('ends when the stage is stopped', async () => {
    const away = Array.from({ length: 9 }, () => AWAY);
    await assert.rejects(wait(away, { stopsAt: 2 }), /stopped/);
  });
});
