import type { BuildContext } from '../context/context.ts';
import type { BuildPlan } from '../context/stage.ts';
import { needsHelper, planStages } from '../build/plan.ts';
import { FailureType, FinalError } from '../failure.ts';
import { cleanPath } from '../job/project-dir.ts';
import type { Variables } from '../variables/variables.ts';
import type { Digests } from '../runner/digests.ts';
import { containerBaseName, networkName } from '../context/names.ts';
import { helperEnvironment } from '../script/exports.ts';
import { buildCommand, hasUmask, helperCommand } from '../script/stage-command.ts';
import { mayBePrivileged } from './allowed-images.ts';
import { jobHostSettings } from './host-settings.ts';
import { ENTRYPOINT_WARNING, planEntrypoint, planUser } from './job-wishes.ts';
import { BUILD_LABEL, configuredLabels, gitlabLabels } from './labels.ts';
import { planMounts, type Mount } from '../build/mounts.ts';
import { planImages, type PlannedImage } from './plan-images.ts';
import { planServices, type PlannedService } from './services.ts';
import type { ContainerSpec, NetworkSpec } from './specs.ts';
import {
  readyContainer,
  type ContainerPlace,
  type FoundFacts,
  type ReadyContainer,
  type ReadyOptions,
} from './ready-container.ts';
import { planCacheDirectory, planVolume, type PlannedVolume } from './volumes.ts';

export type { PlannedImage } from './plan-images.ts';

export type { ContainerPlace } from './ready-container.ts';

/** Everything that Docker has to create for a build. */
export interface EnvironmentPlan {
  /** The job's image, as its trace names it. */
  readonly jobImageName: string;
  readonly images: Readonly<Record<ContainerPlace, PlannedImage>>;
  /**
   * Lines for the trace about requests of the job that are not fulfilled, and about risky settings.
   */
  readonly warnings: readonly string[];
  readonly needsHelper: boolean;
  readonly network: NetworkSpec | undefined;
  readonly volumes: readonly PlannedVolume[];
  readonly containerNames: Readonly<Record<ContainerPlace, string>>;
  /**
   * Directories to create in each container, writable by every user. Parents come before their
   * children.
   */
  readonly directoriesToMake: readonly string[];
  readonly services: readonly PlannedService[];
  /**
   * Returns the container to create, from an image reference or id. `links` are `name:address` of
   * the services, for networks without DNS.
   */
  readonly container: (
    place: ContainerPlace,
    image: string,
    links?: readonly string[],
  ) => ContainerSpec;
  /** Completes a container from {@link container}: see {@link readyContainer}. */
  readonly ready: (place: ContainerPlace, spec: ContainerSpec, found: FoundFacts) => ReadyContainer;
}

/** The facts that the plan of an environment depends on. */
export interface EnvironmentInput {
  readonly context: BuildContext;
  readonly variables: Variables;
  readonly digests: Digests;
}

/**
 * Plans the containers, volumes, network and images of a build. The same build always gives the
 * same plan, so that everything is found again after a crash. Throws `RunnerConfiguration` when job
 * and configuration conflict. Source: gitlab-runner `executors/docker/docker.go`.
 */
export function planEnvironment(input: EnvironmentInput): EnvironmentPlan {
  const { context, variables } = input;
  const { mounts, fault } = planMounts(context, variables);
  const problem = variables.projectDirFault ?? fault;
  if (problem !== undefined) throw new FinalError(FailureType.RunnerConfiguration, problem);
  const volumes = mounts.flatMap((mount) =>
    mount.kind === 'volume' ? [planVolume(mount, input)] : [],
  );
  const images = planImages(context, variables);
  const network = planNetwork(context, variables);
  const settings = jobHostSettings(input, network);
  const build = buildPart(context, variables);
  const binds = mounts.map((mount) => bindOf(mount, volumes, input));
  const { services, warnings } = planServices({ context, variables, network, binds });
  const stages = planStages(context, variables);
  const plan = {
    services,
    jobImageName: images.build.reference,
    images,
    warnings: [...planWarnings(context), ...warnings],
    needsHelper: needsHelper(stages, { context, variables }),
    network,
    volumes,
    containerNames: containerNamesOf(context),
    directoriesToMake: planDirectories(input, volumes),
  };
  const container: EnvironmentPlan['container'] = (place, image, links = []) => ({
    ...settings,
    extraHosts: [...settings.extraHosts, ...links],
    environment: variables.environment(),
    ...(place === 'build' ? build : helperPart(variables)),
    privileged:
      settings.privileged &&
      mayBePrivileged(images[place].reference ?? '', context.runner.docker.allowedPrivilegedImages),
    name: plan.containerNames[place],
    image,
    // The image may have an entrypoint. `ready` decides about stdin once the image is known, and
    // adds the files.
    opensStdin: false,
    fileMounts: [],
    networkAliases: ['build', plan.containerNames[place]],
    labels: containerLabels(input, place),
    binds,
  });
  return {
    ...plan,
    container,
    ready: (place, spec, found) =>
      readyContainer(place, found, {
        containers: {
          build: container('build', ''),
          helper: container('helper', ''),
          [place]: spec,
        },
        firstUse: firstUseOf(stages),
        isOfficialHelper: images.helper.reference === undefined,
        hasUmask: hasUmask(variables),
        directories: plan.directoriesToMake,
        variableFiles: variables.files(),
      }),
  };
}

/**
 * Returns what first needs the directories. Stages of the runner itself do not, because they only
 * print lines.
 */
function firstUseOf({ preparation }: BuildPlan): ReadyOptions['firstUse'] {
  const first = preparation.find(({ place }) => place === 'helper' || place === 'transfer');
  if (first === undefined) return 'script';
  return first.place === 'helper' ? 'helper' : 'transfer';
}

/** Names of a build's containers. Source: gitlab-runner `executors/docker` (makeContainerName). */
export function containerNamesOf(context: BuildContext): Readonly<Record<ContainerPlace, string>> {
  const base = containerBaseName(context);
  return { build: `${base}-build`, helper: `${base}-predefined` };
}

/** Source: gitlab-runner `executors/docker/internal/networks/manager.go`. */
function planNetwork(context: BuildContext, variables: Variables): NetworkSpec | undefined {
  const { docker } = context.runner;
  const isWanted = variables.featureFlags.isOn('FF_NETWORK_PER_BUILD') && docker.networkMode === '';
  if (!isWanted) return undefined;
  return {
    name: networkName(context),
    labels: { ...gitlabLabels(context, {}), [BUILD_LABEL]: context.buildId },
    ...(docker.networkMtu !== 0 && { mtu: docker.networkMtu }),
    ...(docker.enableIpv6 && { enableIpv6: true }),
  };
}

/**
 * Plans directories that any user can write to, because the job's image may run as any user. Docker
 * makes the root directories of volumes for root alone. The list includes the parents of the
 * checkout.
 */
function planDirectories(
  { context, variables }: EnvironmentInput,
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

function bindOf(mount: Mount, volumes: readonly PlannedVolume[], input: EnvironmentInput): string {
  if (mount.kind === 'given') return mount.bind;
  if (mount.kind === 'directory') {
    return `${planCacheDirectory(mount.path, input)}:${mount.path}`;
  }
  const name = volumes.find(({ path }) => path === mount.path)?.spec.name ?? '';
  return `${name}:${mount.path}${holdsBuilds(mount, input) ? NO_COPY : ''}`;
}

/**
 * Keeps a new volume from being filled with the image's files at its path. With gitlab-runner the
 * helper has already written to the volume of the builds directory, which prevents that too.
 */
const NO_COPY = ':nocopy';

function holdsBuilds({ path }: Mount, { context }: EnvironmentInput): boolean {
  return cleanPath(path) === cleanPath(context.runner.buildsDir);
}

/**
 * Returns the labels. The configuration may overwrite the usual ones, but never the one by which
 * the runner finds its objects.
 */
function containerLabels(
  { context, variables }: EnvironmentInput,
  place: ContainerPlace,
): Readonly<Record<string, string>> {
  return {
    ...gitlabLabels(context, { type: place === 'build' ? 'build' : 'predefined' }),
    ...configuredLabels(context, variables),
    [BUILD_LABEL]: context.buildId,
  };
}

/** Source: gitlab-runner `executors/docker/docker.go` (Prepare, overwriteEntrypoint). */
function planWarnings({ job, runner }: BuildContext): readonly string[] {
  const { docker } = runner;
  const { entrypoint } = job.image;
  const isRefused = entrypoint.length > 0 && planEntrypoint(docker, entrypoint) === undefined;
  return [
    ...(docker.volumeKeep ? [VOLUME_KEEP_WARNING] : []),
    ...(isRefused ? [ENTRYPOINT_WARNING] : []),
  ];
}

const VOLUME_KEEP_WARNING =
  'volume_keep is enabled: Docker volumes will not be removed after job completion and may accumulate on disk';

/**
 * Returns the settings of the job's container. The job chooses user, entrypoint and platform where
 * the configuration allows it.
 */
function buildPart({ job, runner }: BuildContext, variables: Variables) {
  const { docker } = runner;
  const { entrypoint, executor_opts } = job.image;
  return {
    command: buildCommand(),
    entrypoint: planEntrypoint(docker, entrypoint),
    user: planUser(docker, variables.expand(executor_opts.docker.user)),
    platform: variables.expand(executor_opts.docker.platform),
    pidMode: docker.pidMode,
    useInit: variables.featureFlags.isOn('FF_USE_INIT_WITH_DOCKER_EXECUTOR'),
  };
}

/**
 * Returns the settings of the helper's container. Unlike in gitlab-runner, no variable of the job
 * can load code into it.
 */
function helperPart(variables: Variables) {
  return {
    environment: helperEnvironment(variables),
    command: helperCommand({ hasUmask: hasUmask(variables) }),
    entrypoint: undefined,
    user: '',
    platform: '',
    useInit: false,
  };
}
