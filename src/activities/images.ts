import { FailureType, FinalError } from '../domain/failure.ts';
import type { PullPolicy } from '../domain/runner/config.ts';
import { formatRunnerLine } from '../domain/trace/sections.ts';
import { findRegistryAuth } from '../domain/executor/registry-auth.ts';
import type { LiveBuild } from './live-builds.ts';
import type { ImageInfo, Ports } from './ports.ts';

export interface ImageOrder {
  readonly ports: Ports;
  readonly reference: string;
  readonly policies: readonly PullPolicy[];
  readonly platform: string;
}

/**
 * The image by the first pull policy that gives one; each that fails warns and hands on to the next.
 * Source: gitlab-runner `executors/docker/internal/pull/manager.go`.
 */
export async function resolveImage(build: LiveBuild, order: ImageOrder): Promise<ImageInfo> {
  const { reference, policies } = order;
  let last: unknown;
  for (const policy of policies) {
    try {
      return await byPolicy(build, policy, order);
    } catch (error) {
      if (build.work.aborted) throw error;
      last = error;
      const reason = error instanceof Error ? error.message : String(error);
      await build.trace.appendOnce(
        `image/${reference}/${policy}/failed/${reason}`,
        formatRunnerLine(
          'warning',
          `Failed to pull image with policy "${policy}": ${reason}`,
        ),
      );
    }
  }
  throw last ?? noPolicy(reference);
}

async function byPolicy(
  build: LiveBuild,
  policy: PullPolicy,
  order: ImageOrder,
): Promise<ImageInfo> {
  const { ports, reference, platform } = order;
  const engine = ports.engine(build.context.runner);
  const say = (key: string, text: string): Promise<void> =>
    build.trace.appendOnce(`image/${reference}/${key}`, formatRunnerLine('plain', text));

  if (policy !== 'always') {
    const local = await engine.inspectImage(reference);
    if (local !== undefined) {
      await say('local', `Using locally found image version due to "${policy}" pull policy`);
      await say('using', `Using docker image ${local.id} for ${reference} ...`);
      return local;
    }
    if (policy === 'never') throw notLocal(reference);
  }
  await say('pulling', `Pulling docker image ${reference} ...`);
  const auth = findRegistryAuth(reference, order.registryAuth);
  const pulled = await engine.pullImage(reference, {
    signal: build.work,
    ...(platform !== '' && { platform }),
    ...(auth !== undefined && { auth }),
  });
  const digest = pulled.repoDigests[0];
  const withDigest = digest === undefined ? '' : ` with digest ${digest}`;
  await say('using', `Using docker image ${pulled.id} for ${reference}${withDigest} ...`);
  return pulled;
}

function noPolicy(reference: string): FinalError {
  return new FinalError(
    FailureType.RunnerConfiguration,
    `no pull policy is allowed for image "${reference}"`,
  );
}

function notLocal(reference: string): FinalError {
  return new FinalError(
    FailureType.RunnerConfiguration,
    `image "${reference}" is not on this node and its pull policy is "never"`,
  );
}
