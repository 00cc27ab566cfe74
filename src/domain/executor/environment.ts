import type { BuildContext } from '../build/context.ts';
import { needsHelper, planStages } from '../build/plan.ts';
import { FailureType, FinalError } from '../failure.ts';
import { cleanPath } from '../job/project-dir.ts';
import type { Variables } from '../job/variables.ts';
import type { Digests } from '../runner/digests.ts';
import { containerBaseName, networkName } from '../runner/names.ts';
import type { PullPolicy } from '../runner/config.ts';
import { helperEnvironment } from '../script/exports.ts';
import { buildCommand, helperCommand } from '../script/stage-command.ts';
import { planPullPolicies } from './effective-pull-policy.ts';
import { jobHostSettings } from './host-settings.ts';
import { BUILD_LABEL, gitlabLabels } from './labels.ts';
import { planMounts, type Mount } from './mounts.ts';
import type { ContainerSpec, FileMount, NetworkSpec } from './specs.ts';
import { STAGE_MOUNTS } from './stage-mounts.ts';
import { planVolume, type PlannedVolume } from './volumes.ts';

/** The container that a stage runs in. */
export type ContainerPlace = 'build' | 'helper';

/** Host paths of the files that one container has mounted at STAGE_MOUNTS. */
export interface StageFilePaths {
  readonly script: string;
  readonly output: string;
  readonly state: string;
}

export interface PlannedImage {
  /** undefined: the official helper image for the engine's architecture. */
  readonly reference: string | undefined;
  /** In the order in which they are tried. */
  readonly policies: readonly PullPolicy[];
  /** '' unless the job asks for one. */
  readonly platform: string;
}

/** All that Docker has to make for a build. */
export interface EnvironmentPlan {
  /** Of the job, as its trace names it. */
  readonly jobImageName: string;
  readonly images: Readonly<Record<ContainerPlace, PlannedImage>>;
  readonly needsHelper: boolean;
  readonly network: NetworkSpec | undefined;
  readonly volumes: readonly PlannedVolume[];
  readonly containerNames: Readonly<Record<ContainerPlace, string>>;
  /** To be made, and open to every user, in each container. Parents come before their children. */
  readonly directoriesToMake: readonly string[];
  /** The container to create, from the image of this reference or id. */
  readonly container: (place: ContainerPlace, image: string) => ContainerSpec;
}

export interface EnvironmentQuestion {
  readonly context: BuildContext;
  readonly variables: Variables;
  readonly digests: Digests;
  readonly files: Readonly<Record<ContainerPlace, StageFilePaths>>;
}

/**
 * Containers, volumes, network and images of a build. Always the same for the same build, so that
 * after a crash everything is found again. Throws `RunnerConfiguration` when job and configuration
 * do not fit. Source: spec/docker-executor §1–5 and §7, gitlab-runner `executors/docker/docker.go`.
 */
export function planEnvironment(question: EnvironmentQuestion): EnvironmentPlan {
  const { context, variables } = question;
  const { mounts, fault } = planMounts(context, variables);
  const problem = variables.projectDirFault ?? fault;
  if (problem !== undefined) throw new FinalError(FailureType.RunnerConfiguration, problem);
  const volumes = mounts.flatMap((mount) =>
    mount.kind === 'volume' ? [planVolume(mount, question)] : [],
  );
  const images = planImages(context, variables);
  const plan = {
    jobImageName: images.build.reference,
    images,
    needsHelper: needsHelper(planStages(context, variables)),
    network: planNetwork(context, variables),
    volumes,
    containerNames: containerNamesOf(context),
    directoriesToMake: planDirectories(question, volumes),
  };
  const binds = mounts.map((mount) => bindOf(mount, volumes));
  return {
    ...plan,
    container: (place, image) => ({
      ...jobHostSettings(question, plan.network),
      environment: variables.environment(),
      ...(place === 'build' ? buildPart(context, variables) : helperPart(variables)),
      name: plan.containerNames[place],
      image,
      networkAliases: ['build', plan.containerNames[place]],
      labels: containerLabels(question, place),
      binds,
      fileMounts: fileMounts(question.files[place]),
    }),
  };
}

/** Names of a build's containers. Source: gitlab-runner `executors/docker` (makeContainerName). */
export function containerNamesOf(context: BuildContext): Readonly<Record<ContainerPlace, string>> {
  const base = containerBaseName(context);
  return { build: `${base}-build`, helper: `${base}-predefined` };
}

/** Source: gitlab-runner `executors/docker/docker.go` (expandImageName, getHelperImage). */
function planImages(context: BuildContext, variables: Variables) {
  const { job, runner } = context;
  const { docker } = runner;
  const name = variables.expand(job.image.name).trim() || variables.expand(docker.image).trim();
  if (name === '') {
    throw new FinalError(
      FailureType.RunnerConfiguration,
      'no Docker image specified to run the build in: set `image` in .gitlab-ci.yml, or in [runners.docker] of config.toml',
    );
  }
  const helper = variables.expand(docker.helperImage).trim();
  return {
    build: {
      reference: name,
      policies: planPullPolicies({ image: name, asked: job.image.pull_policy, docker }),
      platform: variables.expand(job.image.executor_opts.docker.platform),
    },
    helper: {
      reference: helper === '' ? undefined : helper,
      policies: planPullPolicies({ image: helper || 'helper', asked: [], docker }),
      platform: '',
    },
  };
}

/** Source: gitlab-runner `executors/docker/internal/networks/manager.go`. */
function planNetwork(context: BuildContext, variables: Variables): NetworkSpec | undefined {
  const isWanted =
    variables.featureFlags.isOn('FF_NETWORK_PER_BUILD') && context.runner.docker.networkMode === '';
  if (!isWanted) return undefined;
  return {
    name: networkName(context),
    labels: { ...gitlabLabels(context, {}), [BUILD_LABEL]: context.buildId },
  };
}

/**
 * The roots of our volumes, which Docker makes for root alone, and the way to the checkout: whoever
 * the job's image runs as has to be able to write there.
 */
function planDirectories(
  { context, variables }: EnvironmentQuestion,
  volumes: readonly PlannedVolume[],
): readonly string[] {
  const root = cleanPath(context.runner.buildsDir);
  const directories = new Set(volumes.map(({ path }) => cleanPath(path)));
  for (const dir of [variables.projectDir, variables.tempDir]) {
    const parts = dir.startsWith(`${root}/`) ? dir.slice(root.length + 1).split('/') : [];
    parts.forEach((_, index) => directories.add(`${root}/${parts.slice(0, index + 1).join('/')}`));
  }
  return [...directories].sort();
}

function bindOf(mount: Mount, volumes: readonly PlannedVolume[]): string {
  if (mount.kind === 'given') return mount.bind;
  const name = volumes.find(({ path }) => path === mount.path)?.spec.name ?? '';
  return `${name}:${mount.path}`;
}

function fileMounts({ script, output, state }: StageFilePaths): readonly FileMount[] {
  return [
    { source: script, target: STAGE_MOUNTS.script, readOnly: true },
    { source: output, target: STAGE_MOUNTS.output, readOnly: false },
    { source: state, target: STAGE_MOUNTS.state, readOnly: false },
  ];
}

/** The configuration's own labels may replace the usual ones, never the one we find things by. */
function containerLabels(
  { context, variables }: EnvironmentQuestion,
  place: ContainerPlace,
): Readonly<Record<string, string>> {
  const configured = Object.entries(context.runner.docker.containerLabels);
  return {
    ...gitlabLabels(context, { type: place === 'build' ? 'build' : 'predefined' }),
    ...Object.fromEntries(configured.map(([name, value]) => [name, variables.expand(value)])),
    [BUILD_LABEL]: context.buildId,
  };
}

/** User, entrypoint and platform are the job's, where the configuration leaves them to it. */
function buildPart({ job, runner }: BuildContext, variables: Variables) {
  const { entrypoint, executor_opts } = job.image;
  return {
    command: buildCommand(),
    entrypoint: entrypoint.length > 0 ? entrypoint : undefined,
    user: runner.docker.user || variables.expand(executor_opts.docker.user),
    platform: variables.expand(executor_opts.docker.platform),
    useInit: variables.featureFlags.isOn('FF_USE_INIT_WITH_DOCKER_EXECUTOR'),
  };
}

/** Unlike in the peer, no variable of the job's loads code into it. */
function helperPart(variables: Variables) {
  return {
    environment: helperEnvironment(variables),
    command: helperCommand(),
    entrypoint: undefined,
    user: '',
    platform: '',
    useInit: false,
  };
}
