/** What a node lets people see in Temporal. */
export interface Visibility {
  /** False: names of projects, jobs, refs and runners are secret too, and stay encrypted. */
  readonly showsNames: boolean;
  /** By which builds are found all the same where names are secret; absent where they are not found. */
  readonly hashName?: ((name: string) => string) | undefined;
  /** Whether Temporal knows the search attributes of builds. */
  hasAttributes(): boolean;
}
