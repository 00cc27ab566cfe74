import type { ContainerStatus } from '../../ports/index.ts';
import { TransientError } from '../../domain/failure.ts';

/**
 * What an engine calls a container's state. Docker's own seven are the words of this program; the
 * others are Podman's (4.3 to 5), some of which last for a moment only.
 * Source: moby `container/state.go` (StateString), Podman `libpod/define/containerstate.go`.
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
  // Its processes have ended, and their exit code is known; the engine has still to tidy up.
  ['stopped', 'exited'],
]);

/**
 * The state by the engine's word for it. Fails with TransientError for an unknown one: whatever it
 * is, the container will not stay in it.
 */
export function parseState(word: string, idOrName: string): ContainerStatus['state'] {
  const state = STATES.get(word);
  if (state !== undefined) return state;
  throw new TransientError(
    `container "${idOrName}" is in a state that this runner does not know, "${word}": it is looked at again`,
  );
}
