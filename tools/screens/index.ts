import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page, PageScreenshotOptions } from 'playwright-core';
import { openBrowser } from '../../test/support/browser/chromium.ts';
import { openTemporalUi, type TemporalUi } from '../../test/support/browser/temporal-ui.ts';
import type { JobSpec } from '../../test/support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../../test/support/installation.ts';
import { NO_GIT } from '../../test/support/scenario.ts';
import { readCodecEndpointOf } from '../../test/support/temporal/run-temporal.ts';

// This program runs a small pipeline and takes pictures of its builds in the Temporal UI, for the
// docs.

const LIMIT_BYTES = 200_000;
const BUILDS = 'WorkflowType="runBuild"';
const SIZE = { width: 1200, height: 1250 };
const SMALL_SIZE = { width: 1200, height: 640 };

const COUNT = ['for second in $(seq 1 15); do echo "second $second"; sleep 1; done'];
const PIPELINE: readonly JobSpec[] = [
  { name: 'compile', script: ['true'], variables: [NO_GIT] },
  { name: 'lint', script: ['true'], variables: [NO_GIT] },
  { name: 'rspec', script: ['exit 1'], variables: [NO_GIT] },
];

interface Studio {
  readonly installation: Installation;
  readonly ui: TemporalUi;
  /** The directory of the pictures. */
  readonly directory: string;
}

async function takeAll(studio: Studio): Promise<void> {
  const { installation, ui } = studio;
  const [, , rspec] = await Promise.all(
    PIPELINE.map(async (spec) => {
      const job = installation.gitlab.addJob(spec);
      await job.whenFinished();
      return job;
    }),
  );
  const deploy = installation.gitlab.addJob({ name: 'deploy', script: COUNT, variables: [NO_GIT] });
  await deploy.whenLog(/^second 3$/m);
  await takeList(studio);
  await installation.runner.end('SIGKILL');
  await installation.start();
  await deploy.whenFinished();
  const survivor = await (await ui.openList(BUILDS)).open(`/${deploy.id}`);
  await survivor.status.filter({ hasText: 'Completed' }).waitFor();
  // A page keeps showing activities as pending that were pending when it was opened, so it is
  // opened again.
  const ended = await (await ui.openList(BUILDS)).open(`/${deploy.id}`);
  await takeTimeline(studio, ended.page);

  const failed = await (await ui.openList(BUILDS)).open(`/${rspec?.id ?? 0}`);
  const { summary, currentDetails } = await failed.openDetails();
  await summary.getByText('rspec').waitFor();
  await currentDetails.getByText('step_script').waitFor();
  await take(studio, failed.page, { name: 'stages' });
}

/** Takes only the timeline. The encrypted input of the workflow is above it. */
async function takeTimeline(studio: Studio, page: Page): Promise<void> {
  await page.setViewportSize({ ...SIZE, height: 1550 });
  await page.getByRole('button', { name: 'Event releaseBuild: Completed' }).waitFor();
  await page.getByRole('button', { name: 'Event nodeRestarted: Signaled' }).waitFor();
  const box = await page.getByRole('heading', { name: 'Timeline' }).boundingBox();
  if (box === null) throw new Error('the page of the build has no timeline');
  const [x, y] = [box.x - 10, box.y - 10];
  await take(studio, page, { name: 'kill-9', clip: { x, y, width: SIZE.width - x, height: 560 } });
}

async function takeList(studio: Studio): Promise<void> {
  const list = await studio.ui.openList(BUILDS);
  await list.page.setViewportSize(SMALL_SIZE);
  for (const state of ['Running', 'Failed', 'Completed']) {
    await list.row('build/').filter({ hasText: state }).first().waitFor();
  }
  await take(studio, list.page, { name: 'builds' });
}

interface Picture {
  readonly name: string;
  readonly clip?: NonNullable<PageScreenshotOptions['clip']>;
}

async function take({ directory }: Studio, page: Page, picture: Picture): Promise<void> {
  const { name, clip } = picture;
  const path = join(directory, `${name}.png`);
  const options = { path, animations: 'disabled', ...(clip && { clip }) } as const;
  const { length } = await page.screenshot(options);
  if (length > LIMIT_BYTES) throw new Error(`${path} has ${length} bytes: too many for the docs`);
  process.stderr.write(`${path}: ${length} bytes\n`);
}

const directory = process.argv[2];
if (directory === undefined) throw new Error('name the directory for the pictures');
await mkdir(directory, { recursive: true });
const installation = await openInstallation({ concurrent: 4 });
try {
  const browser = await openBrowser();
  try {
    const runner = await installation.start();
    const codecEndpoint = await readCodecEndpointOf(installation);
    const ui = await openTemporalUi(browser, runner, { viewport: SIZE, codecEndpoint });
    await takeAll({ installation, ui, directory });
  } finally {
    await browser.close();
  }
} finally {
  await installation.close();
}
