import type { BuildContext } from '../context/context.ts';
import type { JobService } from '../job/payload.ts';
import type { Variables } from '../variables/variables.ts';
import { limitsOf } from '../runner/container-limits.ts';
import type { ServicesConfig } from '../runner/services-config.ts';
import { mayBePrivileged, matchesAny } from './allowed-images.ts';
import { readDevices, readGpus } from './docker-values.ts';
import { commonHostSettings } from './host-settings.ts';
import { planEntrypoint } from './job-wishes.ts';
import { BUILD_LABEL, configuredLabels, gitlabLabels } from './labels.ts';
import type { ServiceName } from './service-name.ts';
import type { ContainerSpec, NetworkSpec } from './specs.ts';

/** The facts that the containers of services depend on. */
export interface ServicesInput {
  readonly context: BuildContext;
  readonly variables: Variables;
  readonly network: NetworkSpec | undefined;
  /** Mounts that every container of the build has. */
  readonly binds: readonly string[];
}

/** A service whose names and image are known. */
export interface ServiceToSpecify {
  /**
   * A service that the job or the configuration asks for, with variables expanded where GitLab does
   * so.
   */
  readonly definition: JobService;
  readonly name: ServiceName;
  readonly aliases: readonly string[];
  readonly containerName: string;
  /** The image's reference or id to create the container from. */
  readonly image: string;
}

/**
 * The container of a service. It sees only public variables, and has its own limits and privileges.
 * Source: gitlab-runner `executors/docker/docker.go` (createServiceContainerConfig,
 * createHostConfigForService).
 */
export function serviceSpec(input: ServicesInput, service: ServiceToSpecify): ContainerSpec {
  const { context, variables, network, binds } = input;
  const { definition, aliases, containerName, image } = service;
  const { docker } = context.runner;
  const { entrypoint, command, executor_opts } = definition;
  return {
    ...commonHostSettings(docker, network),
    ...ownSettingsOf(docker.services, service.name.image),
    privileged: isPrivileged(input, definition.name),
    name: containerName,
    image,
    command,
    opensStdin: false,
    entrypoint: planEntrypoint(docker, entrypoint),
    environment: variables.publicEnvironment(definition.variables),
    labels: labelsOf(input, service.name),
    user: variables.expand(executor_opts.docker.user),
    platform: variables.expand(executor_opts.docker.platform),
    binds,
    fileMounts: [],
    networkAliases: aliases,
    useInit: variables.featureFlags.isOn('FF_USE_INIT_WITH_DOCKER_EXECUTOR'),
  };
}

function ownSettingsOf(services: ServicesConfig, image: string) {
  return {
    ...limitsOf(services),
    securityOpt: services.securityOpt,
    tmpfs: services.tmpfs,
    devices: readDevices('services_devices', devicesOf(services, image)),
    deviceRequests: readGpus('service_gpus', services.gpus),
  };
}

function isPrivileged({ context }: ServicesInput, image: string): boolean {
  const { privileged, services } = context.runner.docker;
  const isWanted = services.privileged ?? privileged;
  return isWanted && mayBePrivileged(image, services.allowedPrivileged);
}

function devicesOf({ devices }: ServicesConfig, image: string): readonly string[] {
  return Object.entries(devices).flatMap(([pattern, list]) =>
    matchesAny(image, [pattern]) ? list : [],
  );
}

/**
 * Returns the labels. As in gitlab-runner, labels of the configuration appear twice: as written,
 * and with the usual prefix.
 */
function labelsOf(
  { context, variables }: ServicesInput,
  { path, version }: ServiceName,
): Readonly<Record<string, string>> {
  const configured = configuredLabels(context, variables);
  return {
    ...gitlabLabels(context, {
      type: 'service',
      service: path,
      'service.version': version,
      ...configured,
    }),
    ...configured,
    [BUILD_LABEL]: context.buildId,
  };
}
