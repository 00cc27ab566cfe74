import type { ContainerPlace, PlannedImage } from '../../domain/executor/environment.ts';
import { planPullPolicies } from '../../domain/executor/effective-pull-policy.ts';
import { defaultHelperImage } from '../../domain/executor/helper-image.ts';
import type { ImageFacts } from '../../domain/executor/ready-container.ts';
import { isForPlatform } from '../../domain/executor/image-platform.ts';
import { isImageId } from '../../domain/executor/image-reference.ts';
import { findRegistryAuth, type AuthMatch } from '../../domain/executor/registry-auth.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import type { PullPolicy } from '../../domain/runner/config.ts';
import { formatRunnerLine, type RunnerLineLevel } from '../../domain/trace/sections.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { ContainerEngine, ImageInfo, Ports } from '../../ports/index.ts';
import { readAuthSources, type AuthPorts } from './registry-auth.ts';

export interface ImageOptions {
  readonly ports: AuthPorts & Pick<Ports, 'engine'>;
  /** The container that needs the image. It identifies the image's lines in the trace. */
  readonly place: ContainerPlace | `service-${number}`;
  readonly image: PlannedImage;
  /** Aborts a pull. */
  readonly signal: AbortSignal;
}

/** The inputs that all steps of resolving one image share. */
interface Resolution {
  readonly build: LiveBuild;
  readonly ports: AuthPorts;
  readonly engine: ContainerEngine;
  readonly place: ImageOptions['place'];
  readonly reference: string;
  readonly platform: string;
  readonly signal: AbortSignal;
  readonly print: (key: string, text: string, level?: RunnerLineLevel) => Promise<void>;
}

/** The image that a container is created from. */
export interface ResolvedImage extends ImageFacts {
  /** Digest or id. */
  readonly reference: string;
}

/**
 * Resolves the image of a container: to its digest when a registry gave one, otherwise to its id.
 * Source: gitlab-runner `executors/docker/docker.go` (getHelperImage, imageReferenceForCreate).
 */
export async function resolveImage(
  build: LiveBuild,
  options: ImageOptions,
): Promise<ResolvedImage> {
  const { ports, place, image, signal } = options;
  const engine = ports.engine(build.context.runner);
  const print: Resolution['print'] = (key, text, level = 'plain') =>
    build.trace.appendOnce(`image/${place}/${key}`, formatRunnerLine(level, text));
  const reference =
    image.reference ?? defaultHelperImage((await engine.info()).architecture, image.flavor);
  if (image.reference === undefined) {
    const local = await engine.inspectImage(reference);
    if (local !== undefined) return resolved(local);
  }
  if (place === 'helper') await print('name', `Using helper image:  ${reference}`);
  const { docker } = build.context.runner;
  const policies = image.policies ?? planPullPolicies({ image: reference, asked: [], docker });
  const { platform } = image;
  const common = { build, ports, place, engine, reference, platform, signal, print };
  return resolved(await byPolicies(policies, common));
}

function resolved({ repoDigests, id, entrypoint, user }: ImageInfo): ResolvedImage {
  return { reference: repoDigests[0] ?? id, entrypoint, user };
}

/**
 * Tries the pull policies in order. Each failure prints a warning. Source: gitlab-runner
 * `executors/docker/internal/pull/manager.go`.
 */
async function byPolicies(
  policies: readonly PullPolicy[],
  resolution: Resolution,
): Promise<ImageInfo> {
  const { reference, signal, print } = resolution;
  const list = `[${policies.join(' ')}]`;
  await print('policy', `Using effective pull policy of ${list} for container ${reference}`);
  let last: FinalError | undefined;
  for (const [index, policy] of policies.entries()) {
    const attempt = `Attempt #${index + 1}: Trying "${policy}" pull policy`;
    if (index > 0) await print(`${policy}/attempt`, attempt, 'info');
    try {
      const image = await byPolicy(policy, resolution);
      const digest = image.repoDigests[0];
      const withDigest = digest === undefined ? '' : ` with digest ${digest}`;
      await print('using', `Using docker image ${image.id} for ${reference}${withDigest} ...`);
      return image;
    } catch (error) {
      signal.throwIfAborted();
      // Another policy does not help when the daemon does not answer.
      if (!(error instanceof FinalError)) throw error;
      last = error;
      const text = `Failed to pull image with policy "${policy}": ${error.message}`;
      await print(`${policy}/failed`, text, 'warning');
    }
  }
  throw new FinalError(
    last?.type ?? FailureType.RunnerConfiguration,
    `failed to pull image "${reference}" with specified policies ${list}: ${last?.message ?? 'there is none'}`,
    { cause: last },
  );
}

async function byPolicy(policy: PullPolicy, resolution: Resolution): Promise<ImageInfo> {
  const { engine, reference, platform, print } = resolution;
  const mayBeLocal = policy !== 'always' || isImageId(reference);
  const local = mayBeLocal ? await engine.inspectImage(reference) : undefined;
  if (local !== undefined && (policy !== 'if-not-present' || mayFit(local, platform))) {
    if (policy === 'if-not-present') {
      await print('local', `Using locally found image version due to "${policy}" pull policy`);
    }
    return local;
  }
  if (policy === 'never') throw notLocal(reference);
  return local === undefined ? pull(resolution) : pullIfPossible(local, resolution);
}

/**
 * Pulls the image for the platform, and takes the local one where that fails: Docker's containerd
 * store describes one platform of an image, and may have others too. If it has not, Docker refuses
 * to create the container.
 */
async function pullIfPossible(local: ImageInfo, resolution: Resolution): Promise<ImageInfo> {
  const { reference, platform, signal, print } = resolution;
  try {
    return await pull(resolution);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof FinalError)) throw error;
    const text = `Image ${reference} was not pulled for ${platform}, using what is there: ${error.message}`;
    await print('local', text, 'warning');
    return local;
  }
}

async function pull(resolution: Resolution): Promise<ImageInfo> {
  const { build, place, engine, reference, platform, signal, print } = resolution;
  const auth = await findAuth(resolution);
  const forPlatform = platform === '' ? '' : ` for platform ${platform}`;
  await print('pulling', `Pulling docker image ${reference}${forPlatform} ...`);
  return build.waits.during(`image ${place}`, { what: 'an image to be pulled' }, () =>
    engine.pullImage(reference, {
      signal,
      ...(platform !== '' && { platform }),
      ...(auth !== undefined && { auth }),
    }),
  );
}

/**
 * Whether a local image may be for the platform that a job asks for. Docker refuses to create a
 * container from any other.
 */
function mayFit({ platform }: ImageInfo, asked: string): boolean {
  return asked === '' || platform === undefined || isForPlatform(platform, asked);
}

/**
 * Finds the credentials for the pull. The trace names their source, and the sources that cannot be
 * used.
 */
async function findAuth(resolution: Resolution): Promise<AuthMatch | undefined> {
  const { build, ports, reference, print } = resolution;
  const sources = await readAuthSources(build.context, { ports, image: reference });
  for (const [index, { name, problem }] of sources.entries()) {
    const text = `Registry credentials from ${name}: ${problem ?? ''}`;
    if (problem !== undefined) await print(`auth-problem/${index}`, text, 'warning');
  }
  const auth = findRegistryAuth(reference, sources);
  if (auth !== undefined)
    await print('auth', `Authenticating with credentials from ${auth.source}`);
  return auth;
}

function notLocal(reference: string): FinalError {
  return new FinalError(
    FailureType.RunnerConfiguration,
    `image "${reference}" is not on this node and its pull policy is "never"`,
  );
}
