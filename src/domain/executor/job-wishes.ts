import { FailureType, FinalError } from '../failure.ts';
import type { DockerConfig } from '../runner/config.ts';
import type { ContainerSpec } from './specs.ts';

/**
 * Returns the user of the job's container: the configuration's, otherwise the job's. An empty text
 * keeps the image's. Throws `RunnerConfiguration` for a user that is not allowed. Source:
 * gitlab-runner `executors/docker/docker.go` (getBuildContainerUser), `common/config.go`
 * (IsUserAllowed).
 */
export function planUser(docker: DockerConfig, asked: string): string {
  const user = docker.user || asked;
  const allowed = docker.allowedUsers.length > 0 ? docker.allowedUsers : [docker.user];
  const isFree = user === '' || (docker.allowedUsers.length === 0 && docker.user === '');
  if (isFree || allowed.includes(user)) return user;
  throw new FinalError(
    FailureType.RunnerConfiguration,
    `user ${JSON.stringify(user)} is not an allowed user: [${allowed.join(' ')}]; choose one of these, or extend allowed_users in [runners.docker]`,
  );
}

/**
 * The entrypoint of a container whose image the job names; undefined keeps the image's.
 * Source: gitlab-runner `executors/docker/docker.go` (overwriteEntrypoint).
 */
export function planEntrypoint(
  { disableEntrypointOverwrite }: DockerConfig,
  asked: readonly string[],
): readonly string[] | undefined {
  return asked.length > 0 && !disableEntrypointOverwrite ? asked : undefined;
}

/**
 * Opens the container's stdin when its entrypoint (the spec's, else the image's) may ignore the
 * command. Without an entrypoint Docker itself runs the command.
 */
export function withStdin(spec: ContainerSpec, imageEntrypoint: readonly string[]): ContainerSpec {
  const entrypoint = spec.entrypoint ?? imageEntrypoint;
  return { ...spec, opensStdin: entrypoint.some((word) => word !== '') };
}

/** Warning for each container whose entrypoint differs from the one that the job asks for. */
export const ENTRYPOINT_WARNING = 'Entrypoint override disabled';
