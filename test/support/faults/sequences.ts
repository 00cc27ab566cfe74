import { after, before, describe, it } from 'node:test';
import {
  finish,
  openInstallation,
  type Installation,
  type InstallationOptions,
} from '../installation.ts';
import { assertJob, type Scenario } from '../scenario.ts';

/** Jobs that run one after another. Each can find the files of the job before. */
export interface Sequence {
  /** The behaviour as a sentence. */
  readonly title: string;
  readonly jobs: readonly Omit<Scenario, 'title'>[];
}

export function describeSequences(
  title: string,
  options: InstallationOptions,
  sequences: readonly Sequence[],
): void {
  describe(title, () => {
    let installation: Installation;
    before(async () => {
      installation = await openInstallation({ concurrent: 1, ...options });
      await installation.start();
    });
    after(() => finish(installation));
    for (const { title: sentence, jobs } of sequences) {
      it(sentence, async () => {
        for (const scenario of jobs) await play(installation, scenario);
      });
    }
  });
}

export async function play(
  installation: Installation,
  { job: spec, meanwhile, expected }: Omit<Scenario, 'title'>,
): Promise<void> {
  const job = installation.gitlab.addJob(
    typeof spec === 'function' ? await spec(installation) : spec,
  );
  await meanwhile?.(job, installation);
  await job.whenFinished(120_000);
  assertJob(job, expected);
}
