import type { BuildContext } from '../../domain/context/context.ts';
import type { StageOutcome } from '../../domain/context/outcome.ts';
import { formatGoDuration } from '../../domain/job/go-duration.ts';
import { connectedLine, DISCONNECTED_LINE, timedOutLine } from '../../domain/session/session.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import { jobTimeoutSeconds } from '../../domain/variables/runner-variables.ts';
import type { Ports } from '../../ports/index.ts';
import {
  startNote,
  type ContainerStage,
  type ContainerStagePorts,
} from '../build/container-stage.ts';
import { earlierOrNow } from '../build/earlier.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { whenReached } from '../build/when-reached.ts';
import { startOnce } from '../container-stage/stage-start.ts';

export type TerminalPorts = ContainerStagePorts & Pick<Ports, 'sessions'>;

interface TerminalStage extends ContainerStage {
  readonly ports: TerminalPorts;
  /** Aborts when the job is canceled. */
  readonly signal: AbortSignal;
}

/**
 * How long a person who was at the terminal may take to come back after this process was restarted.
 */
const RETURN_MS = 20_000;

/**
 * Holds the build while somebody is at its terminal, and keeps the job's container running, because
 * the end of the last stage has ended it. Returns at once when nobody is there. Source:
 * gitlab-runner `common/build.go` (waitForTerminal), where with Docker the terminal ends with the
 * container.
 */
export async function waitForTerminal(
  build: LiveBuild,
  stage: TerminalStage,
): Promise<StageOutcome> {
  const { buildId } = build.context;
  const { key, ports, signal, container, engine } = stage;
  const known = await startNote(key).read(buildId, ports);
  const isAgain = known !== undefined;
  if (!isAgain && !ports.sessions.isConnected(buildId)) return { kind: 'succeeded' };
  const beganMs = earlierOrNow(known?.sinceMs, ports.clock);
  const limitMs = timeoutOf(build.context, { ...ports, beganMs });
  const limit = formatGoDuration(Math.round(limitMs / 1000) * 1000);
  await print(build, key, connectedLine(limit));
  const start = await startOnce(build, stage);
  if (start === undefined) return { kind: 'stopped' };
  const passedMs = ports.clock.monotonicMs() - earlierOrNow(start.sinceMs, ports.clock);
  const end = await whenOver(buildId, { ports, signal, isAgain, limitMs: limitMs - passedMs });
  const line = { left: DISCONNECTED_LINE, timedOut: timedOutLine(limit), stopped: undefined }[end];
  if (line !== undefined) await print(build, `${key}/${end}`, line);
  ports.sessions.end(buildId, end === 'timedOut' ? timedOutLine(limit) : 'The job has ended.');
  await engine.stopContainer(container, 'kill');
  return { kind: end === 'stopped' ? 'stopped' : 'succeeded' };
}

function print({ trace }: LiveBuild, key: string, line: string): Promise<void> {
  return trace.appendOnce(`${key}/${line}`, formatRunnerLine('info', line));
}

/**
 * Returns the time limit. It is what was left of the job's own time when the wait began, in every
 * process.
 */
function timeoutOf(
  context: BuildContext,
  { sessions, clock, beganMs }: TerminalPorts & { readonly beganMs: number },
): number {
  const timeoutMs = sessions.timeoutMs();
  const receivedMs = earlierOrNow(context.receivedMonotonicMs, clock);
  const leftMs = jobTimeoutSeconds(context) * 1000 - (beganMs - receivedMs);
  return Math.max(0, Math.min(timeoutMs, leftMs));
}

interface Waiting extends Pick<TerminalStage, 'ports' | 'signal'> {
  readonly isAgain: boolean;
  readonly limitMs: number;
}

async function whenOver(
  buildId: string,
  { ports: { clock, sessions }, signal, isAgain, limitMs }: Waiting,
): Promise<'left' | 'timedOut' | 'stopped'> {
  const settled = new AbortController();
  const either = AbortSignal.any([signal, settled.signal]);
  const sleep = (ms: number): Promise<void> =>
    clock.sleep(Math.max(0, ms), either).catch(() => undefined);
  const isThere = (): boolean => sessions.isConnected(buildId);
  const when = (isReached: () => boolean): Promise<void> =>
    whenReached(isReached, sessions.onChange, either);
  const left = async (): Promise<'left'> => {
    if (isAgain) await Promise.race([when(isThere), sleep(RETURN_MS)]);
    await when(() => !isThere());
    return 'left';
  };
  const end = await Promise.race([left(), sleep(limitMs).then(() => 'timedOut' as const)]);
  settled.abort();
  return signal.aborted ? 'stopped' : end;
}
