import { parseAssignments } from '../assignments.ts';
import { FailureType, FinalError } from '../failure.ts';
import { isProcessName, skippedWarning } from '../variables/environment.ts';
import type { JobService } from '../job/payload.ts';
import { containerBaseName } from '../context/names.ts';
import { quoteText } from '../quote-text.ts';
import type { ConfiguredService } from '../runner/services-config.ts';
import { assertAllowedImage } from './allowed-images.ts';
import { planPullPolicies } from './effective-pull-policy.ts';
import type { PlannedImage } from './plan-images.ts';
import { ENTRYPOINT_WARNING } from './job-wishes.ts';
import { coordinatorHosts, planAliases, splitAliases } from './service-aliases.ts';
import { parseServiceName, type ServiceName } from './service-name.ts';
import { serviceSpec, type ServicesInput } from './service-spec.ts';
import type { ContainerSpec } from './specs.ts';

/** A service to run beside a job. */
export interface PlannedService {
  /** Its place among all services. Those of the configuration come first. */
  readonly index: number;
  readonly containerName: string;
  /** The name in the trace: `postgres:15`. */
  readonly title: string;
  readonly image: PlannedImage;
  /** Host names that lead to it. */
  readonly aliases: readonly string[];
  /** The container to create, from the image of this reference or id. */
  readonly container: (image: string) => ContainerSpec;
}

/** All services of a build. */
export interface ServicesPlan {
  readonly services: readonly PlannedService[];
  /** Lines for the trace. */
  readonly warnings: readonly string[];
}

/**
 * All services of a build: the configuration's, then the job's. Throws `RunnerConfiguration` when
 * one is forbidden or unusable, or when there are too many. Source: gitlab-runner
 * `executors/docker/services.go`.
 */
export function planServices(input: ServicesInput): ServicesPlan {
  const { context } = input;
  const definitions = readDefinitions(input);
  const { disableEntrypointOverwrite, services: config } = context.runner.docker;
  const { limit } = config;
  if (limit !== undefined && definitions.length > limit) {
    throw configurationFault(
      `too many services requested: ${definitions.length}, only ${limit} allowed`,
    );
  }
  const reserved = coordinatorHosts(context);
  const taken = new Set<string>();
  const services: PlannedService[] = [];
  const warnings: string[] = [];
  for (const [index, definition] of definitions.entries()) {
    const asked = splitAliases(definition.alias);
    const name = parseServiceName(definition.name);
    if (name === undefined) {
      warnings.push(unnamedWarning(definition, { index, asked }));
      continue;
    }
    const aliases = planAliases({
      wanted: [...name.aliases, ...asked],
      taken,
      reserved,
      service: { name: definition.name, index },
    });
    warnings.push(...aliases.warnings);
    if (definition.entrypoint.length > 0 && disableEntrypointOverwrite) {
      warnings.push(`${ENTRYPOINT_WARNING} for service ${name.title}`);
    }
    if (aliases.areAllTaken) continue;
    warnings.push(...variableWarnings(definition, name.title));
    for (const alias of aliases.used) taken.add(alias);
    services.push(planService(input, { index, definition, name, aliases: aliases.used }));
  }
  return { services, warnings };
}

/** Warnings about variables that no process can receive. */
function variableWarnings({ variables }: JobService, title: string): readonly string[] {
  const refused = variables.filter(({ key, value }) => !isProcessName(key) || value.includes('\0'));
  const names = refused.map(({ key }) => key);
  return skippedWarning(
    `of service ${title} not passed (their names or values cannot be in an environment)`,
    names,
  );
}

/** Returns the services in the order in which they are started. */
function readDefinitions({ context, variables }: ServicesInput): readonly JobService[] {
  const { job, runner } = context;
  const { list, allowed } = runner.docker.services;
  const expanded = <T extends { readonly name: string; readonly alias: string }>(
    service: T,
  ): T => ({
    ...service,
    name: variables.expand(service.name),
    alias: variables.expand(service.alias),
  });
  const configured = list.map((service) => definitionOf(expanded(service)));
  const asked = job.services.map(expanded);
  for (const { name } of asked) {
    assertAllowedImage({
      image: name,
      key: 'allowed_services',
      allowed,
      configured: configured.map((service) => service.name),
    });
  }
  return [...configured, ...asked];
}

/** Source: gitlab-runner `common/config.go` (Service.ToImageDefinition). */
function definitionOf({ environment, ...service }: ConfiguredService): JobService {
  const kind = { public: false, file: false, masked: false, raw: false };
  return {
    ...service,
    pull_policy: [],
    executor_opts: { docker: { platform: '', user: '' }, unsupported: [] },
    variables: parseAssignments(environment).map(([key, value]) => ({ key, value, ...kind })),
  };
}

/**
 * Returns the warning about a service whose name is no image name, such as an empty variable. As in
 * gitlab-runner it is left out if it has no alias either. Throws if it has one.
 */
function unnamedWarning(
  { name }: JobService,
  { index, asked }: { readonly index: number; readonly asked: readonly string[] },
): string {
  const fault = `invalid service image name: ${quoteText(name)}`;
  if (asked.length > 0) throw configurationFault(fault);
  return `Skipping services[${index}]: ${fault}`;
}

interface NamedService {
  readonly index: number;
  readonly definition: JobService;
  readonly name: ServiceName;
  readonly aliases: readonly string[];
}

function planService(input: ServicesInput, service: NamedService): PlannedService {
  const { context, variables } = input;
  const { index, definition, name, aliases } = service;
  const { docker } = context.runner;
  // Docker accepts fewer characters than a registry's address may have.
  const slug = name.path.replaceAll('/', '__').replace(/[^A-Za-z0-9_.-]/g, '-');
  const containerName = `${containerBaseName(context)}-${slug}-${index}`;
  return {
    index,
    containerName,
    title: name.title,
    aliases,
    image: {
      reference: name.image,
      policies: planPullPolicies({ image: name.image, asked: definition.pull_policy, docker }),
      platform: variables.expand(definition.executor_opts.docker.platform),
    },
    container: (image) => serviceSpec(input, { definition, name, aliases, containerName, image }),
  };
}

function configurationFault(message: string): FinalError {
  return new FinalError(FailureType.RunnerConfiguration, message);
}
