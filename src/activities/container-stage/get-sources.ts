import type { StageOutcome } from '../../domain/context/outcome.ts';
import { isObject } from '../../domain/is-object.ts';
import { wasCutOff } from '../../domain/script/git-words.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import type { ContainerStage } from '../build/container-stage.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineNote, type Note } from '../build/note.ts';
import { whenGitlabAnswers } from '../trace/gitlab-answers.ts';
import { runWithAttempts } from './section-attempts.ts';

/**
 * Pauses before git tries again although GitLab answers, because a connection broke or GitLab was
 * away for a moment.
 */
const PAUSES_MS = [1_000, 5_000] as const;

/** Facts about earlier tries that must survive any crash. */
interface Tries {
  readonly count: number;
  /** Number of failed tries in a row since GitLab was last away. */
  readonly inVain: number;
  /** Where the output of the last try begins. */
  readonly fromByte: number;
}

export interface SourcesStage extends ContainerStage {
  /** Aborts when the stage is told to stop. */
  readonly signal: AbortSignal;
}

/**
 * Fetches the sources. Runs the script again after git was cut off: nothing of the job has run yet
 * but its `pre_get_sources_script`, which runs again too. A refusal by GitLab is final.
 */
export async function getSources(build: LiveBuild, stage: SourcesStage): Promise<StageOutcome> {
  for (let tries = await readTries(build, stage); ;) {
    const key = tries.count === 0 ? stage.key : `${stage.key}+${tries.count}`;
    const outcome = await runWithAttempts(build, { ...stage, key });
    if (outcome.kind !== 'script_failed') return outcome;
    const output = await readOutput(build, stage, tries.fromByte);
    if (!wasCutOff(output.text)) return outcome;
    const inVain = await pauseBefore(build, { ...stage, key }, tries.inVain);
    if (build.stage?.stopReason !== undefined) return { kind: 'stopped' };
    if (inVain === undefined) return outcome;
    tries = { count: tries.count + 1, inVain, fromByte: output.endByte };
    await writeTries(build, stage, tries);
  }
}

async function readTries(build: LiveBuild, stage: SourcesStage): Promise<Tries> {
  const known = await noteOf(stage).read(build.context.buildId, stage.ports);
  if (known !== undefined) return known;
  const first = { count: 0, inVain: 0, fromByte: 0 };
  if (stage.request.attempt === 1) return first;
  const { endByte } = await readOutput(build, stage, 0);
  const tries = { ...first, fromByte: endByte };
  await writeTries(build, stage, tries);
  return tries;
}

function writeTries(build: LiveBuild, stage: SourcesStage, tries: Tries): Promise<void> {
  return noteOf(stage).write(build.context.buildId, tries, stage.ports);
}

function noteOf({ key }: SourcesStage): Note<Tries> {
  return defineNote(`tries ${key}`, parseTries);
}

function parseTries(value: unknown): Tries | undefined {
  if (!isObject(value)) return undefined;
  const { count, inVain, fromByte } = value;
  return typeof count === 'number' && typeof inVain === 'number' && typeof fromByte === 'number'
    ? { count, inVain, fromByte }
    : undefined;
}

function readOutput({ context }: LiveBuild, { ports, place }: SourcesStage, fromByte: number) {
  return ports.builds.readOutputEnd(context.buildId, place, fromByte);
}

/**
 * Waits before another try. Returns how often in a row the connection was cut so far; undefined
 * when git must not try again.
 */
async function pauseBefore(
  build: LiveBuild,
  stage: SourcesStage,
  inVain: number,
): Promise<number | undefined> {
  const { key, ports, signal } = stage;
  try {
    const presence = await whenGitlabAnswers(build, { key, ports, signal });
    if (presence === 'was_away') return 0;
    const pauseMs = PAUSES_MS[inVain];
    if (presence === 'refuses' || pauseMs === undefined) return undefined;
    const text = `git lost its connection, and asks again in ${pauseMs / 1000} s`;
    await build.trace.appendOnce(`${key}/again`, formatRunnerLine('warning', text));
    await ports.clock.sleep(pauseMs, signal);
    return inVain + 1;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}
