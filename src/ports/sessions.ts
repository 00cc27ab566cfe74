import type { SessionOffer } from '../domain/session/session.ts';

/** The web terminals of this node's builds. */
export interface Sessions {
  /** A new one for each job request; undefined when there is no session server. */
  offer(): SessionOffer | undefined;
  /** How long a job that has ended waits for whoever is at its terminal, in milliseconds. */
  timeoutMs(): number;
  /** Whether somebody is at the build's terminal, or on the way to it. */
  isConnected(buildId: string): boolean;
  /** Calls back when somebody has come to a terminal or has left it. Returns what ends that. */
  onChange(listener: () => void): () => void;
  /** Closes the build's terminal. `reason` is shown to the person. */
  end(buildId: string, reason: string): void;
}
