import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLiveBuilds } from '../../../src/activities/build/live-builds.ts';
import { judgeEnd, type EndedStage } from '../../../src/activities/container-stage/stage-end.ts';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import {
  BEGUN_BEFORE,
  COPIER_AT_LIMIT,
  COPIER_STALLED,
  type StageState,
} from '../../../src/domain/script/stage-state.ts';
import type { ContainerStatus } from '../../../src/ports/index.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

interface End {
  /** What Docker says of the container. */
  readonly docker?: Partial<ContainerStatus>;
  /** What the script has recorded; undefined when it has not begun. */
  readonly state?: StageState | undefined;
  readonly place?: EndedStage['place'];
  /** Somebody has stopped the stage. */
  readonly isStopped?: boolean;
  /** The log has reached its limit. */
  readonly isOverLimit?: boolean;
}

const STATUS: ContainerStatus = {
  ...{ id: 'id', state: 'exited', exitCode: 0, oomKilled: false, error: '', labels: {} },
  ...{ startedAt: '', finishedAt: '', opensStdin: false },
};

async function judge({ docker, place = 'helper', ...end }: End) {
  const context = contextOf();
  const world = createWorld(context);
  const { ports } = openProcess(world);
  const build = await createLiveBuilds(ports).open(context.buildId);
  const abandoned: string[] = [];
  const trace: typeof build.trace = {
    ...build.trace,
    isOverLimit: end.isOverLimit === true,
    abandonFile: (_, path) => Promise.resolve(void abandoned.push(path)),
  };
  const stopping = new AbortController();
  const stage = { key: 'stage#1', place, stopReason: 'canceled', stopping };
  Object.assign(build, { trace, ...(end.isStopped === true && { stage }) });
  const ended: EndedStage = {
    ...{ key: 'stage#1', place, ports, status: { ...STATUS, ...docker } },
    state: 'state' in end ? end.state : { exitCode: docker?.exitCode ?? 0 },
  };
  return { outcome: await judgeEnd(build, ended), said: world.spool.saved.text, abandoned };
}

const SUCCEEDED: StageOutcome = { kind: 'succeeded' };
const failedWith = (exitCode: number): StageOutcome => ({ kind: 'script_failed', exitCode });
const STDIN = { opensStdin: true } as const;

describe('the end of a stage', () => {
  const cases: [why: string, end: End, outcome: StageOutcome, said?: RegExp][] = [
    ['is its script’s', { docker: { exitCode: 4 } }, failedWith(4)],
    [
      'is that of the entrypoint, which has the last word in a job’s container',
      { place: 'build', docker: { ...STDIN, exitCode: 5 }, state: { exitCode: 0 } },
      failedWith(5),
      /The script ended with exit code 0 and the container with 5/,
    ],
    [
      'is a success where the entrypoint makes one of a failed script',
      { place: 'build', docker: STDIN, state: { exitCode: 3 } },
      SUCCEEDED,
      /The script ended with exit code 3 and the container with 0/,
    ],
    [
      'is its script’s where Docker has lost the container right after it',
      { place: 'build', docker: { ...STDIN, exitCode: 255 }, state: { exitCode: 3 } },
      failedWith(3),
    ],
    [
      'is no success when the script never came to its end, whatever Docker says',
      { state: { exitCode: undefined } },
      failedWith(1),
    ],
    [
      'is a stop where somebody has stopped it',
      { docker: { exitCode: 137 }, isStopped: true },
      { kind: 'stopped' },
    ],
    ['is a success where it had succeeded before the stop', { isStopped: true }, SUCCEEDED],
    [
      'is its script’s where the script was not the first process, and so may have killed itself',
      { place: 'build', docker: { exitCode: 137 }, state: { exitCode: undefined, pid: 7 } },
      failedWith(137),
    ],
  ];
  for (const [why, end, outcome, said] of cases) {
    it(why, async () => {
      const judged = await judge(end);
      assert.deepEqual(judged.outcome, outcome);
      if (said === undefined) assert.equal(judged.said, '');
      else assert.match(judged.said, said);
    });
  }
});

describe('the end of a stage is a fault of the system, and none of the job', () => {
  const cases: [why: string, end: End, message: RegExp][] = [
    [
      'when Docker lost the container just as it began',
      { docker: { exitCode: BEGUN_BEFORE }, state: { exitCode: undefined } },
      /lost its container; the stage is not run a second time/,
    ],
    [
      'when Docker was restarted',
      { docker: { exitCode: 255 }, state: { exitCode: undefined } },
      /Docker was restarted while/,
    ],
    [
      'when somebody killed the container',
      { docker: { exitCode: 143 }, state: { exitCode: undefined } },
      /killed from outside/,
    ],
    [
      'when somebody killed the container whose first process the script was',
      { place: 'build', docker: { exitCode: 137 }, state: { exitCode: undefined, pid: 1 } },
      /killed from outside/,
    ],
    [
      'when somebody killed the helper, whose scripts are never its first process',
      { docker: { exitCode: 137 }, state: { exitCode: undefined, pid: 7 } },
      /killed from outside/,
    ],
    [
      'when Docker was restarted, whichever process the script was',
      { place: 'build', docker: { exitCode: 255 }, state: { exitCode: undefined, pid: 7 } },
      /Docker was restarted while/,
    ],
    [
      'when the entrypoint may have got nothing to run',
      { place: 'build', docker: STDIN, state: undefined },
      /the runner was killed just as it handed the script/,
    ],
    [
      'when the disk could not store its output, whose file then makes room',
      { state: { exitCode: 0, copierExitCode: 1 } },
      /cannot write \/helper\/output: no space left.*a part of the log is lost/,
    ],
  ];
  for (const [why, end, message] of cases) {
    it(why, async () => {
      const { outcome, abandoned } = await judge(end);
      assert.equal(outcome.kind, 'system_failed');
      assert.match('message' in outcome ? outcome.message : '', message);
      const isDisk = end.state?.copierExitCode !== undefined;
      assert.deepEqual(abandoned, isDisk ? ['/helper/output'] : []);
    });
  }
});

describe('output that was not copied', () => {
  const cases: [why: string, copierExitCode: number, said: RegExp][] = [
    [
      'because there was too much at once costs a warning',
      COPIER_AT_LIMIT,
      /wrote more than may wait/,
    ],
    ['because the disk stalled costs a warning', COPIER_STALLED, /did not take the output/],
    ['because the job killed the copier costs a warning', 137, /was killed by the script/],
  ];
  for (const [why, copierExitCode, said] of cases) {
    it(why, async () => {
      const judged = await judge({ state: { exitCode: 0, copierExitCode } });
      assert.deepEqual(judged.outcome, SUCCEEDED);
      assert.match(judged.said, said);
    });
  }

  it('does not matter where the log is at its limit', async () => {
    const { outcome, said } = await judge({
      ...{ state: { exitCode: 0, copierExitCode: 1 }, isOverLimit: true },
    });
    assert.deepEqual([outcome, said], [SUCCEEDED, '']);
  });
});
