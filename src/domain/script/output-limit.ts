/** Room beside the trace's limit: the worker lets so much lie before it drops what is not wanted. */
const ROOM_BYTES = 16 * 1024 * 1024;

/**
 * How large the file that a container's output lies in may become, in bytes, also while no worker
 * looks. More than the trace's limit, as masking may make text shorter: what it cuts is then beyond
 * the limit anyway, but for a job that prints long secrets again and again.
 */
export function maxOutputBytes(traceLimitBytes: number): number {
  return 2 * traceLimitBytes + ROOM_BYTES;
}
