import type { BuildContext } from '../context/context.ts';
import { FailureType, FinalError } from '../failure.ts';
import type { Variables } from '../variables/variables.ts';
import type { PullPolicy } from '../runner/config.ts';
import { assertAllowedImage } from './allowed-images.ts';
import { planPullPolicies } from './effective-pull-policy.ts';

/** An image to have on the engine before its container is created. */
export interface PlannedImage {
  /** undefined: the official helper image of this flavor for the engine's architecture. */
  readonly reference: string | undefined;
  readonly flavor?: string;
  /**
   * In the order in which they are tried. undefined: those of the configuration, which are checked
   * only if the image has to be resolved.
   */
  readonly policies: readonly PullPolicy[] | undefined;
  /** The platform that the job asks for; empty when it asks for none. */
  readonly platform: string;
}

/**
 * The images of the containers that run stages. Throws `RunnerConfiguration` when the job has no
 * image or a forbidden one. Source: gitlab-runner `executors/docker/docker.go` (expandImageName,
 * getHelperImage).
 */
export function planImages(context: BuildContext, variables: Variables) {
  const { job, runner } = context;
  const { docker } = runner;
  const configured = variables.expand(docker.image).trim();
  // gitlab-runner expands this name twice: as it reads the job, and as it looks for the image.
  const name = variables.expand(variables.expand(job.image.name)).trim() || configured;
  if (name === '') {
    throw new FinalError(
      FailureType.RunnerConfiguration,
      'no Docker image specified to run the build in: set `image` in .gitlab-ci.yml, or in [runners.docker] of config.toml',
    );
  }
  assertAllowedImage({
    image: name,
    key: 'allowed_images',
    allowed: docker.allowedImages,
    configured: [configured],
  });
  const helper = variables.expand(docker.helperImage).trim();
  return {
    build: {
      reference: name,
      policies: planPullPolicies({ image: name, asked: job.image.pull_policy, docker }),
      platform: variables.expand(job.image.executor_opts.docker.platform),
    },
    helper: {
      reference: helper === '' ? undefined : helper,
      flavor: variables.expand(docker.helperImageFlavor).trim(),
      policies: undefined,
      platform: '',
    },
  };
}
