import { GITLAB_RUNNER_RELEASE } from '../runner/release.ts';

const HELPER_REPOSITORY = 'registry.gitlab.com/gitlab-org/gitlab-runner/gitlab-runner-helper';

const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  aarch64: 'arm64',
  armv6l: 'arm',
  armv7l: 'arm',
};

/**
 * The official helper image for an architecture as `docker info` spells it. The flavor `alpine`,
 * like no flavor, adds nothing to the tag. Source: gitlab-runner `helpers/container/helperimage`.
 */
export function defaultHelperImage(architecture: string, flavor = ''): string {
  const prefix = flavor === '' || flavor === 'alpine' ? '' : `${flavor}-`;
  return `${HELPER_REPOSITORY}:${prefix}${ARCHITECTURES[architecture] ?? architecture}-v${GITLAB_RUNNER_RELEASE}`;
}
