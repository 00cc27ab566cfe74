import { waitAfter } from '../../domain/build/wait.ts';
import { TransientError } from '../../domain/failure.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { Ports } from '../../ports/index.ts';
import { holdsLease, type LeasePorts } from '../build/lease.ts';
import { credentialsOf } from './trace.ts';

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 15_000;

export interface GitlabWait {
  /** Prefix for the keys of the wait's lines in the trace. */
  readonly key: string;
  readonly ports: LeasePorts & Pick<Ports, 'coordinator'>;
  /** Aborts the wait, which then throws. */
  readonly signal: AbortSignal;
}

/**
 * `answers`: GitLab answered at once. `was_away`: it answers again. `refuses`: it no longer wants
 * the job, or another node has the build.
 */
export type GitlabPresence = 'answers' | 'was_away' | 'refuses';

/**
 * Waits while GitLab is away, for as long as the job may take. Each try sends the state of a
 * running job, as a runner without news does too.
 */
export async function whenGitlabAnswers(
  build: LiveBuild,
  { key, ports, signal }: GitlabWait,
): Promise<GitlabPresence> {
  try {
    return await untilGitlabAnswers(build, { key, ports, signal });
  } finally {
    build.waits.end('gitlab');
  }
}

async function untilGitlabAnswers(
  build: LiveBuild,
  { key, ports, signal }: GitlabWait,
): Promise<GitlabPresence> {
  const { context, trace } = build;
  const coordinator = ports.coordinator(context.runner);
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    signal.throwIfAborted();
    try {
      if (!(await holdsLease(build, ports))) return 'refuses';
      const { kind } = await coordinator.updateJob(credentialsOf(context), { state: 'running' });
      if (kind === 'job_gone') return 'refuses';
      return pauseMs === FIRST_PAUSE_MS ? 'answers' : 'was_away';
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      build.waits.begin('gitlab', waitAfter(error));
      const text = `GitLab is waited for: ${error.message}`;
      await trace.appendOnce(`${key}/gitlab`, formatRunnerLine('warning', text));
    }
    await ports.clock.sleep(pauseMs, signal);
  }
}
