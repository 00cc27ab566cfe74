import { waitAfter } from '../../domain/build/wait.ts';
import { TransientError } from '../../domain/failure.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import { earlierOrNow } from '../build/earlier.ts';
import { defineNote, parseNumber } from '../build/note.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { ContainerEngine, EngineInfo, Ports } from '../../ports/index.ts';

/** Upgrading Docker or booting a node takes less time than this. */
const PATIENCE_MS = 5 * 60_000;
const PAUSE_MS = 3_000;
/** How long an answer is valid, so that runners which share a Docker ask it once. */
const ANSWER_AGE_MS = 5_000;

/**
 * Waits for a Docker that is away, because a preparation has only three tries, some seconds apart.
 * All tries together do not wait longer than this limit.
 */
export async function whenDockerAnswers(
  { context, trace, waits }: LiveBuild,
  { engine, clock, builds }: Pick<Ports, 'engine' | 'clock' | 'builds'>,
  signal: AbortSignal,
): Promise<EngineInfo> {
  for (;;) {
    try {
      const info = await engine(context.runner).info();
      waits.end('docker');
      return info;
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      const sinceMs = await firstAwayMs(context.buildId, { clock, builds });
      if (clock.monotonicMs() > sinceMs + PATIENCE_MS) {
        waits.end('docker');
        throw error;
      }
      const text = `Docker is waited for: ${error.message}`;
      waits.begin('docker', waitAfter(error));
      await trace.appendOnce('prepare_executor/docker', formatRunnerLine('warning', text));
      await clock.sleep(PAUSE_MS, signal);
    }
  }
}

const AWAY_NOTE = defineNote('docker away', parseNumber);

/**
 * Returns when Docker was first found away, so that later tries of the preparation do not wait for
 * the whole time again.
 */
async function firstAwayMs(
  buildId: string,
  { clock, builds }: Pick<Ports, 'clock' | 'builds'>,
): Promise<number> {
  const noted = await AWAY_NOTE.read(buildId, { builds });
  const sinceMs = earlierOrNow(noted, clock);
  if (sinceMs !== noted) await AWAY_NOTE.write(buildId, sinceMs, { builds });
  return sinceMs;
}

interface Answer {
  readonly sinceMs: number;
  readonly isThere: Promise<boolean>;
}

/**
 * Creates the check whether a job of this runner could run here. Faults are logged when they
 * change.
 */
export function createDockerCheck({
  engine: engineOf,
  clock,
  log,
}: Pick<Ports, 'engine' | 'clock' | 'log'>): (runner: RunnerConfig) => Promise<boolean> {
  const answers = new Map<ContainerEngine, Answer>();
  const away = new Set<ContainerEngine>();
  const ask = async (engine: ContainerEngine, runner: RunnerConfig): Promise<boolean> => {
    const fields = { runner: runner.key, runner_name: runner.name };
    try {
      await engine.info();
      if (away.delete(engine)) log.info('Docker answers again, jobs are asked for', fields);
      return true;
    } catch (error) {
      // The trace of a job reports a permanent fault, so the runner may ask for one.
      if (!(error instanceof TransientError)) return true;
      if (!away.has(engine)) {
        const { message: reason } = error;
        log.error('Docker does not answer, no job is asked for', { ...fields, reason });
      }
      away.add(engine);
      return false;
    }
  };
  return (runner) => {
    const engine = engineOf(runner);
    const known = answers.get(engine);
    if (known !== undefined && clock.monotonicMs() - known.sinceMs < ANSWER_AGE_MS)
      return known.isThere;
    const answer = { sinceMs: clock.monotonicMs(), isThere: ask(engine, runner) };
    answers.set(engine, answer);
    return answer.isThere;
  };
}
