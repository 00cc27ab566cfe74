import type { StageName } from '../context/stage.ts';

/**
 * How the engine has answered the start: `confirmed`, `refused`, or with no answer, so that the start
 * may still be under way.
 */
export type EarlyStartAnswer = 'confirmed' | 'refused' | 'none';

/** What a process knows of a container that it has started before its first script was there. */
export interface KnownEarlyStart {
  readonly containerId: string;
  readonly answer: EarlyStartAnswer;
  /** True: something of the build has failed in this process since the start. */
  readonly isDoubtful: boolean;
}

/**
 * The facts that decide what becomes of a job's container that can be started early, when a script is
 * to run in it.
 */
export interface EarlyStartFacts {
  /** True: a script of the build was handed to a container before, or was about to be. */
  readonly hadScript: boolean;
  /** The container as the engine describes it now. */
  readonly container: { readonly id: string; readonly state: string };
  /** Text of the state file, which a script writes to as soon as it begins. */
  readonly stateText: string;
  /** undefined when this process has not started the container early. */
  readonly known: KnownEarlyStart | undefined;
  readonly stage: { readonly name: StageName; readonly attempt: number };
}

/**
 * What becomes of the container.
 *
 * - `hand_over`: it waits, and gets the script now.
 * - `start`: it is started with the script; whatever runs in it is ended first.
 * - `replace`: it is removed and created again, and then started with the script. No script has run
 * in it.
 */
export type EarlyStartVerdict = 'hand_over' | 'start' | 'replace';

/**
 * Decides whether a script goes to the container that was started early. Only a container of which
 * nothing is in doubt gets it. Any other one is started anew, so that it has the mounts, and the
 * engine the state, of a container that was never started early. One that does not run is replaced,
 * because a start may still be under way, and because the engine may have lost its processes without
 * their end. Where the engine has refused the start, neither can be.
 */
export function judgeEarlyStart(facts: EarlyStartFacts): EarlyStartVerdict {
  const { container } = facts;
  if (facts.hadScript) return 'start';
  if (container.state !== 'running' && container.state !== 'paused') {
    return isRefused(facts) ? 'start' : 'replace';
  }
  return isUndoubted(facts) ? 'hand_over' : 'start';
}

function isRefused({ container, known }: EarlyStartFacts): boolean {
  return known?.containerId === container.id && known.answer === 'refused';
}

function isUndoubted({ container, known, stage, stateText }: EarlyStartFacts): boolean {
  if (known === undefined || known.containerId !== container.id) return false;
  const isFirstTry = stage.name.startsWith('step_') && stage.attempt === 1;
  const waits = container.state === 'running' && stateText === '';
  return known.answer === 'confirmed' && !known.isDoubtful && isFirstTry && waits;
}
