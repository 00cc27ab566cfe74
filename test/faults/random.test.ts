import { randomInt } from 'node:crypto';
import { after, before, describe } from 'node:test';
import {
  answerWrongly,
  freezeTemporal,
  freezeWorker,
  gitlabOutage,
  killAll,
  killOften,
  killTemporal,
  killWorker,
  seededRandom,
  stopWorker,
} from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import { MOMENTS, openFaultLab, type FaultLab, type Trial } from '../support/faults/faults.ts';

const JOBS = Number(process.env['FAULT_JOBS'] ?? 100);
/** The seed is random in each run. `npm run test:faults -- --seed <number>` repeats a run. */
const SEED = Number(process.env['FAULT_SEED'] ?? randomInt(2 ** 31));
const PAGE = { status: 502, headers: { 'Content-Type': 'text/html' }, body: '<html></html>' };

/** Returns a trial with a fault that must not change the result of a job, at any moment. */
function drawTrial(random: () => number): Trial {
  const pick = <T>(choices: readonly [T, ...T[]]): T =>
    choices[Math.floor(random() * choices.length)] ?? choices[0];
  const times = 1 + Math.floor(random() * 4);
  /** GitLab takes a runner that goes on more often about a job that has ended for a stubborn one. */
  const doneTimes = Math.min(times, 3);
  const pauseMs = pick([500, 1_000, 2_000, 5_000]);
  const fault = pick([
    () => killWorker(pick([0, 0, 5_000])),
    () => stopWorker(),
    () => killAll({ isEmptied: false }),
    () => killAll({ isEmptied: true }),
    () => killTemporal(),
    () => freezeTemporal(pauseMs),
    () => freezeWorker(pauseMs),
    () => killOften({ kills: 1 + times, random }),
    () => gitlabOutage(pauseMs),
    () => answerWrongly({ status: 500 }, times),
    () => answerWrongly(PAGE, times),
    () => answerWrongly({ status: 429, headers: { 'Retry-After': '1' } }, times),
    () => answerWrongly({ cut: true, afterwards: true }, doneTimes),
    () => answerWrongly({ cut: 'midway', afterwards: true }, doneTimes),
  ])();
  // The check that the fault had an effect is left out, because the job may have no more calls.
  const { confirm: _, ...certain } = fault;
  const moment = pick(MOMENTS as [Trial['moment'], ...Trial['moment'][]]);
  return {
    ...{ moment, fault: certain, resends: 10, goesOn: random() < 0.5, limitMs: 240_000 },
    // The sources are fetched again when GitLab was away for git.
    hasOtherStarts: moment === 'get_sources' && fault.name.startsWith('GitLab away'),
  };
}

describe(`${JOBS} jobs in a row, each with a fault of seed ${SEED}`, () => {
  let lab: FaultLab;
  const random = seededRandom(SEED);
  const trials = Array.from({ length: JOBS }, () => drawTrial(random));
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const [index, trial] of trials.entries()) {
    it(`job ${index + 1}: ${trial.fault.name} at the moment "${trial.moment}"`, () =>
      lab.run(trial));
  }
});
