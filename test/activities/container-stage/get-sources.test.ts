import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StageRequest } from '../../../src/activities/contract.ts';
import type { Coordinator, UpdateReply } from '../../../src/ports/index.ts';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, until, type FakeScript, type World } from '../support/world.ts';
import { openActivityCall } from '../../support/temporal/activity-call.ts';

const CUT_OFF: FakeScript = {
  exitCode: 128,
  says: "fatal: unable to access 'https://gitlab.example.com/a.git/': Empty reply from server",
};
const REFUSED: FakeScript = { exitCode: 128, says: "fatal: couldn't find remote ref main" };
const DONE: UpdateReply = { kind: 'done', remote: 'running' };

/** GitLab's answers when asked whether it is available. After the last one it is available. */
type Answers = readonly (UpdateReply | Error)[];

function answering(answers: Answers): { coordinator: Partial<Coordinator>; asked: () => number } {
  let asked = 0;
  return {
    asked: () => asked,
    coordinator: {
      updateJob: () => {
        const answer = answers[asked] ?? DONE;
        asked += 1;
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
    },
  };
}

const AWAY = new TransientError('update of job 42: connect ECONNREFUSED');

interface Setting {
  readonly world: World;
  readonly context: ReturnType<typeof contextOf>;
  readonly request: StageRequest;
}

function setting(tries: readonly FakeScript[], attempt = 1): Setting {
  const scripts = Object.fromEntries(tries.map((script, index) => [`helper#${index + 1}`, script]));
  const context = contextOf({});
  return {
    context,
    world: createWorld(context, { scripts }),
    request: {
      stage: { name: 'get_sources', place: 'helper', attempts: 1 },
      ...{ attempt, jobStatus: 'running' },
    },
  };
}

async function getSources(
  { world, context, request }: Setting,
  answers: Answers = [],
): Promise<StageOutcome> {
  const { buildId } = context;
  const { node } = openProcess(world, answering(answers)).activities;
  await runActivity(() => node.prepareEnvironment({ buildId }));
  return runActivity(() => node.runStage({ buildId }, request));
}

describe('sources that git cannot get', () => {
  const failed = { kind: 'script_failed', exitCode: 128 } as const;
  const succeeded = { kind: 'succeeded' } as const;
  interface Case {
    readonly why: string;
    readonly tries: readonly FakeScript[];
    readonly answers?: Answers;
    readonly expected: StageOutcome;
    readonly runs: number;
  }
  const cases: readonly Case[] = [
    {
      why: 'are fetched in a second try when GitLab answers',
      tries: [CUT_OFF],
      expected: succeeded,
      runs: 2,
    },
    {
      why: 'are fetched as soon as GitLab is back',
      tries: [CUT_OFF],
      answers: [AWAY, AWAY],
      expected: succeeded,
      runs: 2,
    },
    {
      why: 'are tried three times when GitLab answers',
      tries: [CUT_OFF, CUT_OFF, CUT_OFF],
      expected: failed,
      runs: 3,
    },
    {
      why: 'are tried as often as GitLab is away',
      tries: [CUT_OFF, CUT_OFF, CUT_OFF, CUT_OFF],
      answers: [AWAY, DONE, AWAY, DONE, AWAY, DONE, AWAY],
      expected: succeeded,
      runs: 5,
    },
    {
      why: 'are tried once when git got an answer',
      tries: [REFUSED],
      expected: failed,
      runs: 1,
    },
    {
      why: 'are not tried again after git got an answer, whatever the earlier errors',
      tries: [CUT_OFF, REFUSED],
      expected: failed,
      runs: 2,
    },
    {
      why: 'are tried once when GitLab has aborted the job',
      tries: [CUT_OFF],
      answers: [{ kind: 'job_gone', status: 403 }],
      expected: failed,
      runs: 1,
    },
  ];
  for (const { why, tries, answers, expected, runs } of cases) {
    it(why, async () => {
      const build = setting(tries);
      assert.deepEqual(await getSources(build, answers), expected);
      assert.equal(build.world.started.length, runs);
    });
  }

  it('name in the trace what they wait for', async () => {
    const build = setting([CUT_OFF, CUT_OFF]);
    await getSources(build, [AWAY, DONE]);
    const { text } = build.world.spool.saved;
    assert.match(text, /WARNING: GitLab is waited for: update of job 42: connect ECONNREFUSED/);
    assert.match(text, /WARNING: git lost its connection, and asks again in 1 s/);
    assert.doesNotMatch(text, /GitLab was not there/);
  });

  it('are judged by the output of this try of the job', async () => {
    const build = setting([REFUSED], 2);
    build.world.disk.files.helper.output = `${CUT_OFF.says}\n`;
    assert.deepEqual(await getSources(build), failed);
    assert.equal(build.world.started.length, 1);
  });

  it('are fetched after a death of the process during the wait, without another container', async () => {
    const build = setting([CUT_OFF]);
    const { buildId } = build.context;
    let isAsked = false;
    const updateJob = (): Promise<never> => {
      isAsked = true;
      return new Promise(() => undefined); // a process that has died does nothing more
    };
    const { node } = openProcess(build.world, { coordinator: { updateJob } }).activities;
    await runActivity(() => node.prepareEnvironment({ buildId }));
    const environment = openActivityCall();
    environment.run(() => node.runStage({ buildId }, build.request)).catch(() => undefined);
    await until(() => isAsked);
    environment.cancel('WORKER_SHUTDOWN');
    assert.deepEqual(await getSources(build), succeeded);
    assert.equal(build.world.started.length, 2);
  });

  it('are waited for only until the stage is stopped', async () => {
    const build = setting([CUT_OFF]);
    const { buildId } = build.context;
    const { coordinator, asked } = answering(Array.from({ length: 1_000 }, () => AWAY));
    const { node } = openProcess(build.world, { coordinator }).activities;
    await runActivity(() => node.prepareEnvironment({ buildId }));
    const running = runActivity(() => node.runStage({ buildId }, build.request));
    await until(() => asked() > 2);
    await runActivity(() => node.stopStage({ buildId }, { how: 'kill', reason: 'canceled' }));
    assert.deepEqual(await running, { kind: 'stopped' });
  });
});
