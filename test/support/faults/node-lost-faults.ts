import assert from 'node:assert/strict';
import type { FakeJob } from '../fake-gitlab/types.ts';
import type { Fault } from './faults.ts';
import type { Installation } from '../installation.ts';
import { startSecondNode } from '../second-node.ts';

/**
 * The environment of a node with a short wait. A build whose script may have begun waits this long
 * for its node.
 */
export const SHORT_WAIT: Readonly<Record<string, string>> = {
  TEMPORAL_GITLAB_RUNNER_NODE_WAIT: '5s',
};
/** The loss is detected within fifty seconds. The wait and the job come after that. */
const DECISION_LIMIT_MS = 180_000;
/** A node that comes back must first notice that it was away. */
const CLEAN_LIMIT_MS = 90_000;

/**
 * The node's process dies while the fleet has another node. The first node comes back after the end
 * of the job. It must then report nothing, and remove what it still has of the job.
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

/**
 * The node's process hangs while the fleet has another node, and continues after the end of the
 * job. The demands are those of `loseNode`.
 */
export function freezeNode(): Fault {
  return loseUntilTheEnd({
    name: 'node frozen, awake after the job has ended',
    lose: ({ runner }) => runner.signal('SIGSTOP'),
    comeBack: async ({ runner }) => runner.signal('SIGCONT'),
  });
}

/** The node's process dies and starts again before its loss is detected. */
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
        // The second node still has to finish its own clean-up.
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

/** Returns the number of calls about this job that GitLab has received. */
function countCalls({ gitlab }: Installation, { id }: FakeJob): number {
  return gitlab.requests.filter(({ path }) => path.includes(`/jobs/${id}`)).length;
}
