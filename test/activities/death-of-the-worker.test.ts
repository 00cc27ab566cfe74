import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { KillsAnswer } from './support/kill-thread.ts';
import { KILLED_JOBS, runUndisturbed, seen, type Kills } from './support/kills.ts';

/**
 * Node's test runner follows each promise of its own thread, which is a third of the time of these
 * thousands of builds. So they run in another thread.
 */
const thread = new Worker(new URL('support/kill-thread.js', import.meta.url));
after(() => thread.terminate());

async function killInThread(kills: Kills): Promise<void> {
  const answered = once(thread, 'message') as Promise<[KillsAnswer]>;
  thread.postMessage(kills);
  const [{ error }] = await answered;
  if (error !== undefined) throw error as Error;
}

for (const [job, [what, scripts, spools]] of KILLED_JOBS.entries()) {
  describe(`${what}, and a worker that is killed at any call`, async () => {
    const { world: undisturbed, expected } = await runUndisturbed(job);

    it('ends as expected without a kill', () => {
      const { started, containers, records, notes, updates, lastWords } = seen(undisturbed);
      assert.equal(lastWords, scripts['build#1']?.entrypoint === undefined ? 0 : 1);
      const hasSources = scripts['helper#1'] === undefined;
      assert.deepEqual(started, [
        ...(hasSources ? ['helper#1', 'build#1', 'build#2'] : ['helper#1', 'build#1']),
        'helper#2',
      ]);
      assert.deepEqual([containers, records, notes], [[], [], []]);
      assert.equal(updates.length, 1);
      assert.equal(updates[0]?.byteSize, undisturbed.gitlab.trace.length);
      assert.ok(expected.calls > 50, `${expected.calls} calls`);
      const cleaned = 'Cleaning up project directory and file based variables';
      const lines = ['build#1 begins\nbuild#1 ends\n', 'helper#1 ends', cleaned];
      for (const line of lines) {
        assert.ok(undisturbed.gitlab.trace.includes(line), line);
      }
    });

    for (const when of ['before', 'after'] as const) {
      for (const keeps of spools) {
        it(`ends the same when it dies ${when} the call's effect and ${keeps} of the trace last`, async () => {
          await killInThread({ job, when, keeps });
        });
      }
    }
  });
}
