/**
 * Space above the trace's limit: the worker lets this much accumulate before it drops unwanted
 * output.
 */
const ROOM_BYTES = 16 * 1024 * 1024;

/**
 * The greatest size in bytes of the file with a container's output, even while no worker runs. It
 * exceeds the trace's limit, because masking may shorten text. Output beyond it exceeds the trace's
 * limit too, except for a job that prints long secrets repeatedly.
 */
export function maxOutputBytes(traceLimitBytes: number): number {
  return 2 * traceLimitBytes + ROOM_BYTES;
}
