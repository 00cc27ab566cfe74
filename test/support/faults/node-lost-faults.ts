import assert from 'node:assert/strict';
import type { FakeJob } from '../fake-gitlab/types.ts';
import type { Fault } from './faults.ts';
import type { Installation } from '../installation.ts';
import { startSecondNode } from '../second-node.ts';

/** How long a build whose script may have begun waits for its node. */
export const SHORT_WAIT: Readonly<Record<string, string>> = {
  TEMPORAL_GITLAB_RUNNER_NODE_WAIT: '5s',
};
/** Fifty seconds until it is known to be lost, the wait, and the job itself. */
const DECISION_LIMIT_MS = 180_000;
/** What wakes up has first to find out that it was away. */
const CLEAN_LIMIT_MS = 90_000;

/**
 * The node's process dies, and another node of the fleet is there. When the job has ended the first
 * comes back: it says nothing any more, and removes what it has of it.
 */
export function loseNode(): Fault {
  return loseUntilTheEnd({
    name: 'node lost, back after the job has ended',
    lose: ({ runner }) => runner.signal('SIGKILL'),
    comeBack: async (installation) => {
      await installation.runner.end('SIGKILL');
      await installation.start();
    },
  });
}

/** As `loseNode`, but its process only hangs: it wakes up in the midst of what it was doing. */
export function freezeNode(): Fault {
  return loseUntilTheEnd({
    name: 'node frozen, awake after the job has ended',
    lose: ({ runner }) => runner.signal('SIGSTOP'),
    comeBack: async ({ runner }) => runner.signal('SIGCONT'),
  });
}

/** The node's process dies and is back before another node has found that out. */
export function loseNodeBriefly(): Fault {
  return {
    ...{ name: 'node lost, back in time', isForGood: true },
    strike: ({ installation }) => installation.runner.signal('SIGKILL'),
    mend: async ({ installation, job }) => {
      await installation.runner.end('SIGKILL');
      const second = await startSecondNode(installation, SHORT_WAIT);
      try {
        await installation.start();
        await job.whenFinished(DECISION_LIMIT_MS);
        await second.whenBothClean();
      } finally {
        await second.close();
      }
    },
  };
}

interface Loss {
  readonly name: string;
  lose(installation: Installation): void;
  comeBack(installation: Installation): Promise<void>;
}

function loseUntilTheEnd({ name, lose, comeBack }: Loss): Fault {
  return {
    ...{ name, isForGood: true },
    strike: ({ installation }) => lose(installation),
    mend: async ({ installation, job }) => {
      const second = await startSecondNode(installation, SHORT_WAIT);
      try {
        await second.runner.whenLog(/node that does not answer taken over/, DECISION_LIMIT_MS);
        await job.whenFinished(DECISION_LIMIT_MS);
        // What the second node still has to do: nothing of it is the first one's.
        await second.whenDone();
        const before = countCalls(installation, job);
        await comeBack(installation);
        await second.whenBothClean(CLEAN_LIMIT_MS);
        assert.equal(countCalls(installation, job), before, 'the node that came back has spoken');
      } finally {
        await second.close();
      }
    },
  };
}

/** All that was said to GitLab of this job. */
function countCalls({ gitlab }: Installation, { id }: FakeJob): number {
  return gitlab.requests.filter(({ path }) => path.includes(`/jobs/${id}`)).length;
}
