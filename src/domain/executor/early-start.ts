import type { StageName } from '../context/stage.ts';
import { isAlive } from './container-state.ts';

/**
 * The engine's answer to the early start. `none`: there was no answer, so the start may still be in
 * progress.
 */
export type EarlyStartAnswer = 'confirmed' | 'refused' | 'none';

/** What this process knows about a container that it has started early. */
export interface KnownEarlyStart {
  readonly containerId: string;
  readonly answer: EarlyStartAnswer;
  /** True: something of the build has failed in this process since the start. */
  readonly isDoubtful: boolean;
}

/** The facts that decide how a script gets into a job's container that can be started early. */
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
 * How the script gets into the container.
 *
 * - `hand_over`: the container waits, and gets the script now.
 * - `start`: everything in the container is ended, and the container is started with the script.
 * - `replace`: the container, in which no script has run, is created anew and then started with the
 *   script.
 */
export type EarlyStartVerdict = 'hand_over' | 'start' | 'replace';

/**
 * Decides how a script gets into a container that may have been started early. A waiting container
 * gets the script only if nothing about it is in doubt. Any other running container is started
 * anew, so that the mounts and the engine's state are those of a container that was never started
 * early. A container that does not run is replaced, because its early start may still be in
 * progress, or the engine may have lost its processes without having ended them. Neither can be the
 * case when the engine has refused the early start.
 */
export function judgeEarlyStart(facts: EarlyStartFacts): EarlyStartVerdict {
  const { container } = facts;
  if (facts.hadScript) return 'start';
  if (!isAlive(container)) return isRefused(facts) ? 'start' : 'replace';
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
