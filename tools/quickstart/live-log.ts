import type { FakeJob } from '../../test/support/fake-gitlab/types.ts';

const LOOK_INTERVAL_MS = 100;
const NAME_WIDTH = 8;

/**
 * Prints a job's log while it grows, each line after the job's name. Returns the function that ends
 * this.
 */
export function showLive(job: FakeJob): () => void {
  let shown = 0;
  const showMore = (isOver: boolean): void => {
    const lines = job.log.split('\n');
    // The last line may still be growing.
    const complete = isOver ? lines.length : lines.length - 1;
    for (const line of lines.slice(shown, complete)) {
      if (line !== '') process.stdout.write(`${job.name.padEnd(NAME_WIDTH)}│ ${line}\n`);
    }
    shown = Math.max(shown, complete);
  };
  const timer = setInterval(showMore, LOOK_INTERVAL_MS, false);
  return () => {
    clearInterval(timer);
    showMore(true);
  };
}
