import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe } from 'node:test';
import { clockEnv, moveClock, setClock } from '../support/faults/clock-faults.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab, type Moment } from '../support/faults/faults.ts';
import { COUNTED, tryFault, type OwnTrial } from '../support/faults/own-trials.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const MOMENTS: readonly Moment[] = [
  ...(['handed out', 'prepare', 'get_sources', 'script'] as const),
  ...(['after the script', 'artifact upload', 'final update'] as const),
];
const JUMPS: readonly [how: string, hours: number][] = [
  ['forward', 1],
  ['back', -1],
];
const TIMEOUT_S = 15;
/** The timestamp, stream and continuation mark that GitLab reads. */
const STAMPED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [0-9a-f]{2}[OE][+ ]/;

function jump(hours: number, moment: string): OwnTrial {
  return { fault: moveClock('', hours).name, moment };
}

describe('the clock of a node', () => {
  let lab: FaultLab;
  let directory: string;
  let file: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-clock-'));
    file = join(directory, 'moved');
    lab = await openFaultLab({ env: clockEnv(file) });
  });
  afterEach(() => lab.installation.whenClean());
  after(async () => {
    await lab.close();
    await rm(directory, { recursive: true, force: true });
  });

  for (const [how, hours] of JUMPS) {
    for (const moment of MOMENTS) {
      it(`is set ${how} by an hour at the moment "${moment}"`, () =>
        lab.run({ moment, fault: moveClock(file, hours) }));
    }

    it(`is set ${how} by an hour: the time-out of a job comes at the right moment`, () =>
      tryFault(lab, jump(hours, 'script with a time-out'), async ({ watch, mended }) => {
        const { gitlab } = lab.installation;
        const script = [COUNTED, 'echo begun', 'sleep 300'];
        const spec = { script, variables: [NO_GIT], timeout: TIMEOUT_S };
        const job = watch(gitlab.addJob(spec), ['begun']);
        await job.whenState(['running']);
        const begunMs = performance.now();
        await job.whenLog(/begun/);
        setClock(file, hours);
        mended();
        await job.whenFinished();
        const lasted = (performance.now() - begunMs) / 1000;
        assertJob(job, { state: 'failed', failureReason: 'job_execution_timeout', log: ['begun'] });
        assert.ok(Math.abs(lasted - TIMEOUT_S) < 5, `it lasted ${lasted} s`);
        await lab.installation.whenClean();
      }));

    it(`is set ${how} by an hour: each line of a log has a time that GitLab can read`, () =>
      tryFault(lab, jump(hours, 'script with times'), async ({ watch, mended }) => {
        const { gitlab } = lab.installation;
        const script = ['echo before', 'sleep 3', 'echo after', 'sleep 1', 'printf "no end"'];
        const job = gitlab.addJob({ script: [COUNTED, ...script], variables: [NO_GIT] });
        await watch(job, ['before', 'after']).whenLog(/ before$/m);
        setClock(file, hours);
        mended();
        await job.whenFinished();
        assert.equal(job.state, 'success');
        const lines = job.trace.toString().split('\n').slice(0, -1);
        for (const line of lines) assert.match(line, STAMPED);
        const hourOf = (text: string): number => {
          const line = lines.find((candidate) => candidate.endsWith(text)) ?? '';
          return Date.parse(line.slice(0, 27)) / 3_600_000;
        };
        assert.equal(Math.round(hourOf(' after') - hourOf(' before')), hours, 'the clock was set');
        await lab.installation.whenClean();
      }));

    it(`is set ${how} by an hour between two jobs: the next is taken within five seconds`, () =>
      tryFault(lab, jump(hours, 'no job'), async ({ watch, mended }) => {
        const { gitlab } = lab.installation;
        setClock(file, hours);
        mended();
        const script = [COUNTED, 'echo short'];
        const job = watch(gitlab.addJob({ script, variables: [NO_GIT] }), ['short']);
        await job.whenState(['running'], 5_000);
        await job.whenFinished();
        assertJob(job, { state: 'success' });
        await lab.installation.whenClean();
      }));
  }
});
