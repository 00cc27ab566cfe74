export interface StreamState {
  readonly todo?: never;
}
