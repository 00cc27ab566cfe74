import { FailureType, FinalError } from '../failure.ts';
import type { DockerConfig } from '../runner/config.ts';

/**
 * The user of a job's own container: the configuration's, else the one that the job asks for; ''
 * leaves it to the image. Throws `RunnerConfiguration` for a user that is not allowed.
 * Source: gitlab-runner `executors/docker/docker.go` (getBuildContainerUser), `common/config.go`
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

/** Said for each container whose entrypoint is not the one that the job asks for. */
export const ENTRYPOINT_WARNING = 'Entrypoint override disabled';
