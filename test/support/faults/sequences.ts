import { after, before, describe, it } from 'node:test';
import type { Installation } from '../installation.ts';
import { assertJob, type Scenario } from '../scenario.ts';
import { findPlace, type Place, type PlaceOptions } from '../shared-node.ts';

/** Jobs that run one after another. Each can find the files of the job before. */
export interface Sequence {
  /** The behaviour as a sentence. */
  readonly title: string;
  readonly jobs: readonly Omit<Scenario, 'title'>[];
}

/** Runs sequences in one installation, one job at a time, and checks that nothing is left. */
export function describeSequences(
  title: string,
  options: PlaceOptions,
  sequences: readonly Sequence[],
): void {
  const place = findPlace({ concurrent: 1, ...options }, ['']);
  describe(title, () => {
    let installation: Installation;
    before(async () => {
      installation = await place.open();
    });
    after(() => place.close());
    for (const { title: sentence, jobs } of sequences) {
      it(sentence, async () => {
        for (const scenario of jobs) await play(installation, scenario, place);
      });
    }
  });
}

/** Runs a job and checks its end. Any runner of the installation takes it, or that of the place. */
export async function play(
  installation: Installation,
  { job: spec, meanwhile, expected }: Omit<Scenario, 'title'>,
  { addJob }: Pick<Place, 'addJob'> = installation.gitlab,
): Promise<void> {
  const job = addJob(typeof spec === 'function' ? await spec(installation) : spec);
  await meanwhile?.(job, installation);
  await job.whenFinished(120_000);
  assertJob(job, expected);
}
