import { planEnvironment, type EnvironmentPlan } from '../domain/executor/environment.ts';
import { buildVariables } from '../domain/job/variables.ts';
import { TransientError } from '../domain/failure.ts';
import { formatSectionEnd, formatSectionStart, formatRunnerLine } from '../domain/trace/sections.ts';
import { formatImageLine, stageTitle } from '../domain/script/titles.ts';
import { unsupportedParts } from '../domain/build/plan.ts';
import type { BuildActivities } from './contract.ts';
import { withHeartbeat } from './heartbeat.ts';
import { resolveImage } from './images.ts';
import type { LiveBuild, LiveBuilds } from './live-builds.ts';
import type { Ports } from './ports.ts';

type EnvironmentActivities = Pick<
  BuildActivities,
  'prepareEnvironment' | 'destroyEnvironment' | 'releaseBuild'
>;

/** Label that everything of a build carries which goes with it. */
export const BUILD_LABEL = 'temporal-gitlab-runner.build';

export function createEnvironmentActivities(ports: Ports, live: LiveBuilds): EnvironmentActivities {
  return {
    prepareEnvironment: ({ buildId }) =>
      withHeartbeat(async () => {
        const build = await live.open(buildId);
        await build.joined('prepare', () => prepare(build, ports));
      }),

    destroyEnvironment: ({ buildId }) =>
      withHeartbeat(async () => {
        const build = await live.find(buildId);
        if (build !== undefined) await destroy(build, ports);
      }),

    releaseBuild: async ({ buildId }) => {
      await live.close(buildId);
      await ports.builds.remove(buildId);
      ports.capacity.free(buildId);
    },
  };
}

/** What planning needs besides the record: the host paths that containers have mounted. */
export async function planFor({ context }: LiveBuild, ports: Ports): Promise<EnvironmentPlan> {
  const variables = buildVariables(context, { jobStatus: 'running' });
  const files = {
    build: await ports.builds.stageFiles(context.buildId, 'build'),
    helper: await ports.builds.stageFiles(context.buildId, 'helper'),
  };
  return planEnvironment({ context, variables, digests: ports.digests, files });
}

async function prepare(build: LiveBuild, ports: Ports): Promise<void> {
  const { context, trace } = build;
  const hasSections = context.job.features.trace_sections;
  const start = formatSectionStart('prepare_executor', ports.clock.nowMs(), hasSections);
  await trace.appendOnce('prepare_executor/start', start + stageTitle('prepare_executor'));
  try {
    await prepareOnce(build, ports);
  } catch (error) {
    if (error instanceof TransientError) {
      const tries = await countTry(build, ports);
      await trace.appendOnce(
        `prepare_executor/failed/${tries}`,
        formatRunnerLine('error', `Preparation failed: ${error.message}`) +
          formatRunnerLine('info', 'Will be retried in 3s ...'),
      );
    }
    throw error;
  }
  const end = formatSectionEnd('prepare_executor', ports.clock.nowMs(), hasSections);
  await trace.appendOnce('prepare_executor/end', end);
}

async function countTry({ context }: LiveBuild, { builds }: Ports): Promise<number> {
  const before = await builds.readNote(context.buildId, 'prepare-tries');
  const tries = (typeof before === 'number' ? before : 0) + 1;
  await builds.writeNote(context.buildId, 'prepare-tries', tries);
  return tries;
}

async function prepareOnce(build: LiveBuild, ports: Ports): Promise<void> {
  const { context, trace } = build;
  const engine = ports.engine(context.runner);
  const plan = await planFor(build, ports);
  await trace.appendOnce('prepare_executor/image', formatImageLine(plan.jobImageName));
  for (const part of unsupportedParts(context)) {
    const line = formatRunnerLine('warning', `${part} not supported yet by this runner, ignored`);
    await trace.appendOnce(`prepare_executor/unsupported/${part}`, line);
  }
  const jobImage = await resolveImage(build, { ports, ...plan.jobImage });
  const helperImage = plan.needsHelper
    ? await resolveImage(build, { ports, ...plan.helperImage })
    : undefined;
  if (plan.network !== undefined) await engine.createNetwork(plan.network);
  await Promise.all(plan.volumes.map(({ spec }) => engine.ensureVolume(spec)));
  const container = await engine.createContainer(plan.build(jobImage.id));
  if (helperImage !== undefined) await engine.createContainer(plan.helper(helperImage.id));
  await engine.putArchive(
    container,
    '/',
    plan.directoriesToMake.map((path) => ({ path, type: 'directory', mode: 0o777 }) as const),
  );
}

async function destroy({ context }: LiveBuild, ports: Ports): Promise<void> {
  const engine = ports.engine(context.runner);
  const left = await engine.listByLabels({ [BUILD_LABEL]: context.buildId });
  await Promise.all(left.containers.map((id) => engine.removeContainer(id)));
  await Promise.all([
    ...left.volumes.map((name) => engine.removeVolume(name)),
    ...left.networks.map((name) => engine.removeNetwork(name)),
  ]);
}
