/** What a node lets people see in Temporal. */
export interface Visibility {
  /** False: names of projects, jobs, refs and runners are secret too, and stay encrypted. */
  readonly showsNames: boolean;
  /** Whether Temporal knows the search attributes of builds. */
  hasAttributes(): boolean;
}
