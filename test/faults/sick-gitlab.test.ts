import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openDoor, type Door } from '../support/door.ts';
import type { FakeAnswer, JobSpec } from '../support/fake-gitlab/types.ts';
import { it } from '../support/faults/fault-report.ts';
import type { Installation } from '../support/installation.ts';
import {
  COUNTED,
  openOwnPlace,
  tryFault,
  type OwnPlace,
  type OwnTrial,
} from '../support/faults/own-trials.ts';
import { assertTaken, NO_GIT } from '../support/scenario.ts';
import { gate } from '../support/gate.ts';

const CHECK_INTERVAL_MS = 1_000;
/** After this time a request without an answer gives its slot to other runners. */
const LENT_AFTER_MS = 5_000;
/** The additional time for a request and its answer on a busy machine. */
const SLACK_MS = 1_500;
/** A job must be taken within one interval. */
const PROMPT_MS = CHECK_INTERVAL_MS + SLACK_MS;
const AWAY_MS = 20_000;

/** The faults of one runner's GitLab. */
const SICK: readonly (readonly [title: string, answer: () => FakeAnswer])[] = [
  ['cuts every connection', () => ({ cut: true })],
  ['answers 503', () => ({ status: 503 })],
  ['answers 503 and asks to wait', () => ({ status: 503, headers: { 'Retry-After': '8' } })],
  // This must be the last test, because the runner sends no request for the next five minutes.
  ['answers 429 for long', () => ({ status: 429, headers: { 'Retry-After': '1000000000' } })],
];

/** Two runners share one slot. A long request must not keep it. */
describe('a runner whose GitLab has a fault', () => {
  let place: OwnPlace;
  let installation: Installation;
  let door: Door;
  before(async () => {
    place = await openOwnPlace({ concurrent: 1, checkInterval: 1, runners: 2 });
    installation = place.installation;
    door = await openDoor(Number(new URL(installation.gitlab.url).port));
    await nameAnotherUrl(installation, `http://127.0.0.1:${door.port}`);
    await installation.start();
  });
  after(async () => {
    await place.close();
    await door.shut();
  });

  const tokens = (): readonly [healthy: string, sick: string] => {
    const [healthy = '', sick = ''] = installation.tokens;
    return [healthy, sick];
  };

  it('is served at once when connections are accepted again, and delays no other runner', () =>
    tryFault(place, sickness('refuses connections'), async ({ watch, mended }) => {
      const [healthy, sick] = tokens();
      await door.shut();
      const longestMs = await longestPause(installation, healthy, AWAY_MS);
      const job = watch(installation.gitlab.addJob({ ...SHORT, runnerToken: sick }), ['short']);
      await door.open();
      mended();
      await assertTaken(job, PROMPT_MS);
      assert.ok(longestMs <= PROMPT_MS, `${longestMs} ms without a job request`);
      await installation.whenClean();
    }));

  it('delays other runners only briefly when GitLab does not answer', () =>
    tryFault(place, sickness('answers nothing'), async ({ watch, mended }) => {
      const [healthy, sick] = tokens();
      const { opened: hold, open: letGo } = gate();
      const outage = installation.gitlab.intercept(({ kind, body }) =>
        kind === 'job_request' && body.includes(sick) ? { hold } : undefined,
      );
      const longestMs = await longestPause(installation, healthy, AWAY_MS);
      const asked = outage.count;
      const job = watch(installation.gitlab.addJob({ ...SHORT, runnerToken: healthy }), ['short']);
      mended();
      await assertTaken(job, PROMPT_MS);
      outage.remove();
      letGo();
      assert.equal(asked, 1, 'it waits for the answer');
      const limitMs = LENT_AFTER_MS + CHECK_INTERVAL_MS + SLACK_MS;
      assert.ok(longestMs <= limitMs, `${longestMs} ms without a job request`);
      await installation.whenClean();
    }));

  for (const [title, answer] of SICK) {
    it(`delays no other runner when GitLab ${title}`, () =>
      tryFault(place, sickness(title), async ({ watch, mended }) => {
        const [healthy, sick] = tokens();
        const outage = installation.gitlab.intercept(({ kind, body }) =>
          kind === 'job_request' && body.includes(sick) ? answer() : undefined,
        );
        const longestMs = await longestPause(installation, healthy, AWAY_MS);
        outage.remove();
        mended();
        assert.ok(outage.count > 0, 'it was never asked');
        assert.ok(longestMs <= PROMPT_MS, `${longestMs} ms without a job request`);
        const job = watch(installation.gitlab.addJob({ ...SHORT, runnerToken: healthy }), [
          'short',
        ]);
        await assertTaken(job, PROMPT_MS);
        await installation.whenClean();
        assert.deepEqual(installation.gitlab.violations, []);
      }));
  }
});

const SHORT: JobSpec = { script: [COUNTED, 'echo short'], variables: [NO_GIT] };

function sickness(title: string): OwnTrial {
  return { fault: `GitLab of another runner ${title}`, moment: 'no job' };
}

/** Makes the second runner use another address of the same GitLab. */
async function nameAnotherUrl({ configPath, gitlab }: Installation, url: string): Promise<void> {
  const toml = await readFile(configPath, 'utf8');
  const at = toml.lastIndexOf(gitlab.url);
  const changed = `${toml.slice(0, at)}${url}${toml.slice(at + gitlab.url.length)}`;
  await writeFile(configPath, changed, { mode: 0o600 });
}

/** Returns the longest time between two requests of a runner. */
async function longestPause(
  { gitlab }: Installation,
  token: string,
  durationMs: number,
): Promise<number> {
  const beginMs = Date.now();
  await delay(durationMs); // The fault lasts this long.
  const asked = gitlab.requests
    .filter(({ atMs }) => atMs >= beginMs)
    .filter(({ path }) => path.endsWith('/jobs/request'))
    .filter(({ headers }) => headers['runner-token'] === token)
    .map(({ atMs }) => atMs);
  const times = [beginMs, ...asked, Date.now()];
  return Math.max(...times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0)));
}
