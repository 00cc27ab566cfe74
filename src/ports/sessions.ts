import type { SessionOffer } from '../domain/session/session.ts';

/** The web terminals of this node's builds. */
export interface Sessions {
  /** Makes a new web terminal for a job request; undefined when there is no session server. */
  offer(): SessionOffer | undefined;
  /**
   * Returns how long a job that has ended waits for the person at its terminal, in milliseconds.
   */
  timeoutMs(): number;
  /** Whether somebody is at the build's terminal, or is connecting to it. */
  isConnected(buildId: string): boolean;
  /**
   * Calls the listener when somebody has come to a terminal or has left it. Returns the function
   * that stops this.
   */
  onChange(listener: () => void): () => void;
  /** Closes the build's terminal. `reason` is shown to the person. */
  end(buildId: string, reason: string): void;
}
