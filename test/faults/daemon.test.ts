import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { freezeDaemon, restartDaemon } from '../support/faults/daemon-faults.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab, type Moment } from '../support/faults/faults.ts';
import { COUNTED, openOwnPlace, tryFault } from '../support/faults/own-trials.ts';
import { assertJob, NO_GIT, type Expectation } from '../support/scenario.ts';
import { BUSYBOX, PORT, shell } from '../support/service-jobs.ts';
import {
  copyImage,
  copyImages,
  openSecondDaemon,
  whyNoSecondDaemon,
  type SecondDaemon,
} from '../support/docker/second-daemon.ts';

const skip = whyNoSecondDaemon() ?? false;
const MOMENTS: readonly Moment[] = [
  ...(['prepare', 'helper waits', 'job waits', 'get_sources', 'script'] as const),
  ...(['script over', 'after the script', 'artifact upload', 'clean-up'] as const),
];

interface Place {
  readonly daemon: () => SecondDaemon;
  readonly lab: () => FaultLab;
}

/** Opens a lab whose jobs run on a separate daemon. */
function usePlace(liveRestore: boolean): Place {
  let daemon: SecondDaemon;
  let lab: FaultLab;
  before(async () => {
    daemon = await openSecondDaemon();
    await daemon.start({ liveRestore });
    await copyImages(daemon.host);
    lab = await openFaultLab({
      daemon,
      runnerToml: '  limit = 1\n  output_limit = 65536',
      dockerToml: '    wait_for_services_timeout = 60',
    });
  });
  after(async () => {
    await lab.close();
    await daemon.close();
  });
  return { daemon: () => daemon, lab: () => lab };
}

/** Prints the lines that every trial checks, and 7 MB more. */
const LOUD_SCRIPT: readonly string[] = [
  'echo run >> "/witness/$CI_JOB_ID.script"',
  'echo "line 5"',
  'touch "/witness/$CI_JOB_ID.here"',
  'until [ -e "/witness/$CI_JOB_ID.go" ]; do sleep 0.1; done',
  'seq 1000000',
  'echo "$KEY" | sed "s/^/the key is /; s/$/, it costs 5 €/"',
  'echo "line 9"',
  'touch "/witness/$CI_JOB_ID.said"',
  'seq 100000 > made.txt',
];

/**
 * A service that ends well when it is told to, as databases do. All containers of the second daemon
 * share one network stack.
 */
const SERVICE = shell(
  'trap "exit 0" TERM; while true; do echo pong | nc -l -p 4000 & wait "$!"; done',
  { variables: PORT('4000') },
);
/** Fails unless the service answers within some seconds. Prints the lines that every trial checks. */
const ASKING_SCRIPT: readonly string[] = [
  'echo run >> "/witness/$CI_JOB_ID.script"',
  'for i in 1 2 3 4 5; do if bash -c "cat </dev/tcp/127.0.0.1/4000" 2>/dev/null; then break; fi; sleep 1; done',
  'test "$i" -lt 5',
  'echo "line 5"',
  'echo "$KEY" | sed "s/^/the key is /; s/$/, it costs 5 €/"',
  'echo "line 9"',
  'touch "/witness/$CI_JOB_ID.said"',
  'seq 100000 > made.txt',
];

describe('Docker is restarted with live-restore', { skip }, () => {
  const { daemon, lab } = usePlace(true);
  const restart = (signal: 'SIGTERM' | 'SIGKILL', awayMs: number) =>
    restartDaemon(daemon, { signal, awayMs, liveRestore: true });

  for (const moment of MOMENTS) {
    it(`by kill -9 at the moment "${moment}": the job ends as usual`, () =>
      lab().run({ moment, fault: restart('SIGKILL', 1_000) }));
  }
  it('by a stop during the script: the job ends as usual', () =>
    lab().run({ moment: 'script', fault: restart('SIGTERM', 1_000) }));

  it('and is away for 20 s during the preparation, which waits for it', () =>
    lab().run({ moment: 'prepare', fault: restart('SIGKILL', 20_000) }));

  it('and is away for 20 s while the script prints its second half', () =>
    lab().run({ moment: 'script', fault: restart('SIGTERM', 20_000), goesOn: true }));

  it('and is away for 20 s while the script writes more than a pipe holds', () =>
    lab().run({
      ...{ moment: 'script', script: LOUD_SCRIPT, goesOn: true },
      fault: restart('SIGTERM', 20_000),
    }));
});

describe('Docker is restarted without live-restore', { skip }, () => {
  const { daemon, lab } = usePlace(false);
  const killed: Expectation = {
    ...{ state: 'failed', failureReason: 'runner_system_failure' },
    log: ['line 5', 'the key is pa55word', /Docker was restarted/],
    never: ['line 6'],
  };
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const moment of MOMENTS) {
      const isHeld = moment === 'script';
      // The restart ends a container that waits for its next stage. That stage starts the container
      // again, or one in its place.
      const hasOtherStarts = ['prepare', 'helper waits', 'job waits', 'get_sources'].includes(
        moment,
      );
      const what = isHeld ? 'the job fails by the system, and the trace says why' : 'it goes on';
      it(`by ${signal} at the moment "${moment}": ${what}`, () =>
        lab().run({
          ...{ moment, isHeld, hasOtherStarts },
          fault: restartDaemon(daemon, { signal, liveRestore: false }),
          ...(isHeld && { expected: killed }),
        }));
    }
  }
});

describe('Docker is restarted without live-restore beside a service', { skip }, () => {
  const { daemon, lab } = usePlace(false);
  before(() => copyImage(BUSYBOX, daemon().host));
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const moment of ['prepare', 'helper waits', 'job waits', 'get_sources'] as const) {
      it(`by ${signal} at the moment "${moment}": the script finds the service`, () =>
        lab().run({
          ...{ moment, script: ASKING_SCRIPT, payload: { services: [SERVICE] } },
          ...{ hasOtherStarts: true },
          fault: restartDaemon(daemon, { signal, liveRestore: false }),
        }));
    }
  }
});

describe('Docker hangs', { skip }, () => {
  const { daemon, lab } = usePlace(true);
  for (const moment of ['prepare', 'script', 'clean-up'] as const) {
    it(`for 20 s at the moment "${moment}": the job ends as usual`, () =>
      lab().run({ moment, fault: freezeDaemon(daemon, 20_000), goesOn: true }));
  }
});

describe('Docker is away', { skip }, () => {
  it('when the runner starts: no job is requested until Docker is back', async (t) => {
    const daemon = await openSecondDaemon();
    await daemon.start({ liveRestore: false });
    await copyImages(daemon.host);
    await daemon.stop('SIGTERM');
    const place = await openOwnPlace({ daemon });
    t.after(async () => {
      await place.close();
      await daemon.close();
    });
    await place.installation.start();
    const trial = { fault: 'Docker away when the runner starts', moment: 'no job' };
    await tryFault(place, trial, async ({ watch, mended }) => {
      const { gitlab, runner, whenClean } = place.installation;
      const script = [COUNTED, 'echo at last'];
      const job = watch(gitlab.addJob({ script, variables: [NO_GIT] }), ['at last']);
      await runner.whenLog(/"level":"error".*Docker does not answer, no job is asked for/);
      await assert.rejects(job.whenFinished(5_000));
      assert.equal(job.handedOut, 0);
      await daemon.start({ liveRestore: false });
      mended();
      await job.whenFinished(60_000);
      assertJob(job, { state: 'success', log: ['at last'] });
      await whenClean();
    });
  });
});
