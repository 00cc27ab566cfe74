import type { ContainerStatus } from '../../ports/index.ts';
import { TransientError } from '../../domain/failure.ts';

/**
 * The engines' words for a container's state. Docker's seven words are those of this program. The
 * others are Podman's (4.3 to 5), some of which are momentary. Source: moby `container/state.go`
 * (StateString), Podman `libpod/define/containerstate.go`.
 */
const STATES: ReadonlyMap<string, ContainerStatus['state']> = new Map([
  ['created', 'created'],
  ['running', 'running'],
  ['paused', 'paused'],
  ['restarting', 'restarting'],
  ['removing', 'removing'],
  ['exited', 'exited'],
  ['dead', 'dead'],
  ['configured', 'created'],
  ['initialized', 'created'],
  ['stopping', 'running'],
  // Its processes have ended and their exit code is known, but the engine has not cleaned up yet.
  ['stopped', 'exited'],
]);

/**
 * Translates the engine's word for a state. Throws TransientError for an unknown word, because such
 * a state will not last.
 */
export function parseState(word: string, idOrName: string): ContainerStatus['state'] {
  const state = STATES.get(word);
  if (state !== undefined) return state;
  throw new TransientError(
    `container "${idOrName}" is in a state that this runner does not know, "${word}": it is looked at again`,
  );
}

/**
 * The engines' words for a container that has ended or is about to. Podman answers 500 with a
 * sentence for each call, such as "can only kill running containers. … is in state exited:
 * container state improper". Source: Podman `libpod/define/errors.go` (ErrCtrStateInvalid).
 */
const NOT_RUNNING = /not running|stopped|container state improper/i;

/** Whether a call was refused because its container does not run. */
export function saysNotRunning(message: string): boolean {
  return NOT_RUNNING.test(message);
}
