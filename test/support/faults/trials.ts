import { onBuildContainer } from './fault-kinds.ts';
import type { Trial } from './faults.ts';

// Both the whole fault suite and its short version use these trials.

export const CONTAINER_KILLED: Trial = {
  moment: 'script',
  fault: onBuildContainer('killed', (container) => container.kill()),
  expected: {
    ...{ state: 'failed', failureReason: 'runner_system_failure' },
    log: ['line 5', 'the container was killed from outside of the job (exit code 137)'],
  },
};

export const CONTAINER_REMOVED: Trial = {
  moment: 'script',
  fault: onBuildContainer('removed', (container) => container.remove({ force: true })),
  expected: {
    ...{ state: 'failed', failureReason: 'runner_system_failure' },
    log: ['line 5', /container \S+ is gone/],
  },
};

export const CONTAINER_PAUSED: Trial = {
  moment: 'script',
  fault: onBuildContainer('paused', async (container) => {
    await container.pause();
    await container.unpause();
  }),
};

/**
 * A trial for a lab whose containers have 64 MiB. Docker reports that the memory was used up only if
 * it hears of that before it hears of the end; Podman reports it only sometimes.
 */
export const OUT_OF_MEMORY: Trial = {
  moment: 'acknowledged',
  fault: { name: 'out of memory', strike: () => undefined },
  script: ['echo run >> "/witness/$CI_JOB_ID.script"', 'head -c 200m /dev/zero | tail'],
  expected: {
    ...{ state: 'failed', failureReason: 'script_failure', exitCode: 137 },
    log: [/OOM killed.*64 MiB|may have used up the memory.*64 MiB/],
  },
};

export const END_OF_TRACE_LOST: Trial = {
  moment: 'script',
  fault: { name: 'GitLab loses the end of the trace', strike: ({ job }) => job.loseTrace(100) },
  resends: 3,
};

export const JOB_DELETED: Trial = {
  ...{ moment: 'script', isUnreported: true, expected: { state: 'running' } },
  fault: {
    name: 'GitLab deletes the job',
    strike: ({ job }) => job.erase(),
    mend: ({ installation }) => installation.whenClean(60_000),
  },
  runs: { script: 1, afterScript: 0 },
};
