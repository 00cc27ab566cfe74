import { describe } from 'node:test';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type Moment, type Runs, type Trial } from '../support/faults/faults.ts';
import {
  freezeNode,
  loseNode,
  loseNodeBriefly,
  SHORT_WAIT,
} from '../support/faults/node-lost-faults.ts';
import type { Expectation } from '../support/scenario.ts';

const TIME = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`;
const MOVED: Expectation = {
  state: 'success',
  log: [
    new RegExp(`WARNING: Node \\S+ has not answered since ${TIME}, before the script began`),
    'line 5',
    'the key is [MASKED], it costs 5 €',
    'after with success',
    'Job succeeded',
  ],
};
/**
 * The log lacks the output that the node had not sent. In these trials that may be all output; the
 * tests in `system/node-lost` wait for some.
 */
const GIVEN_UP: Expectation = {
  state: 'failed',
  failureReason: 'runner_system_failure',
  log: [
    new RegExp(
      `ERROR: Job failed \\(system failure\\): node \\S+ has not answered since ${TIME}, nor come back within 5s`,
    ),
  ],
};

/** The node learns of the end of the script when the test does, and may begin after_script. */
const MAY_HAVE_GONE_ON: readonly Runs[] = [
  { script: 1, afterScript: 0 },
  { script: 1, afterScript: 1 },
];

const FROZEN: readonly Moment[] = ['prepare', 'get_sources', 'script', 'artifact upload'];
const TRIALS: readonly [moment: Moment, what: string, trial: Partial<Trial>][] = [
  ['acknowledged', 'another node runs the job', { expected: MOVED }],
  ['prepare', 'another node runs the job', { expected: MOVED }],
  ['get_sources', 'another node runs the job', { expected: MOVED }],
  [
    'script',
    'the job fails by the system',
    { expected: GIVEN_UP, isHeld: true, runs: { script: 1, afterScript: 0 } },
  ],
  [
    'after the script',
    'the job fails by the system',
    { expected: GIVEN_UP, runs: MAY_HAVE_GONE_ON },
  ],
  ['artifact upload', 'the job fails by the system', { expected: GIVEN_UP }],
  ['final update', 'the job fails by the system', { expected: GIVEN_UP }],
  ['final answer', 'GitLab has the result, which stays', { expected: { state: 'success' } }],
];

async function run(trial: Trial): Promise<void> {
  const lab = await openFaultLab({ env: SHORT_WAIT });
  try {
    await lab.run({ changesNodes: true, ...trial });
  } finally {
    await lab.close();
  }
}

describe('a node that is lost and comes back', { concurrency: 3 }, () => {
  for (const [moment, what, trial] of TRIALS) {
    it(`at the moment "${moment}": ${what}`, () => run({ moment, fault: loseNode(), ...trial }));
  }
  for (const [moment, what, trial] of TRIALS.filter(([at]) => FROZEN.includes(at))) {
    it(`frozen at the moment "${moment}": ${what}`, () =>
      run({ moment, fault: freezeNode(), ...trial }));
  }
  for (const moment of ['get_sources', 'script'] as const) {
    it(`in time, from the moment "${moment}" on: the job continues where it was`, () =>
      run({ moment, fault: loseNodeBriefly(), goesOn: true }));
  }
});
