/** What people may see of this node's builds in Temporal. */
export interface Visibility {
  /** False: names of projects, jobs, refs and runners are secret too, and stay encrypted. */
  readonly showsNames: boolean;
  /**
   * Hashes a name so that its builds can be found where names are secret; absent where they cannot
   * be found.
   */
  readonly hashName?: ((name: string) => string) | undefined;
  /** Whether Temporal knows the search attributes of builds. */
  hasAttributes(): boolean;
}
