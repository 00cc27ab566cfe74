import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import proto from '@temporalio/proto';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { buildId, inTemporal } from '../support/faults/people-faults.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const PIECES = 40;
/** Writes about 2 MB in pieces, each of which is sent alone. */
const LONG = [`for i in $(seq ${PIECES}); do seq -s ' ' 10000; sleep 0.5; done`, 'echo so much'];
/** Temporal warns at 10,240 events and terminates the workflow at 51,200. */
const MAX_EVENTS = 200;
/**
 * Two histories may differ by this number of events, because answers are handled in one workflow
 * task or in two.
 */
const CHANCE_EVENTS = 12;
/** Temporal warns about a payload of 256 KB. */
const MAX_BYTES = 256 * 1024;

describe('the history of a build', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({ gitlab: { traceUpdateIntervalSeconds: 1 } });
    await installation.start();
  });
  after(() => installation.close());

  const measure = (job: FakeJob): Promise<{ readonly events: number; readonly bytes: number }> =>
    inTemporal(installation, async (client) => {
      const handle = client.workflow.getHandle(buildId(installation, job));
      const { events } = await handle.fetchHistory();
      // The server refuses the end of a workflow while an answer arrives, and has it replayed.
      assert.ok(!events?.some(({ workflowTaskFailedEventAttributes: refused }) => refused));
      const bytes = proto.temporal.api.history.v1.History.encode({ events: events ?? [] }).finish();
      return { events: events?.length ?? 0, bytes: bytes.byteLength };
    });
  const countPatches = ({ id }: FakeJob): number =>
    installation.gitlab.requests.filter(
      ({ method, path }) => method === 'PATCH' && path.includes(`/jobs/${id}/trace`),
    ).length;

  it('grows neither with the log nor with the run time of the script', async () => {
    const { gitlab } = installation;
    const [short, long] = [['echo so little'], LONG].map((script) =>
      gitlab.addJob({ script, variables: [NO_GIT] }),
    );
    assert.ok(short !== undefined && long !== undefined);
    for (const job of [short, long]) {
      await job.whenFinished(120_000);
      assertJob(job, { state: 'success', log: [/so (little|much)/] });
    }
    await installation.whenClean();
    assert.ok(countPatches(long) >= PIECES / 4, `sent in ${countPatches(long)} pieces only`);
    const [few, many] = [await measure(short), await measure(long)];
    assert.ok(
      few.events > 10 && many.events <= few.events + CHANCE_EVENTS,
      `${many.events} events`,
    );
    assert.ok(many.events <= MAX_EVENTS, `${many.events} events`);
    assert.ok(many.bytes <= MAX_BYTES, `${many.bytes} bytes, all payloads together`);
  });
});
