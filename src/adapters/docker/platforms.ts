import { isForPlatform } from '../../domain/executor/image-platform.ts';
import type { ContainerSpec } from '../../domain/executor/specs.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { encodePath, parseReply, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { imageSchema } from './replies.ts';

/**
 * Throws when Podman would run an image of another platform than the one that the container is for.
 * Docker itself refuses to create such a container. Podman pulls an image that exists for one
 * platform only, whichever was asked for, and ignores the platform of a container.
 */
export async function checkPlatform(
  { daemon, timing }: EngineParts,
  { image, platform }: Pick<ContainerSpec, 'image' | 'platform'>,
): Promise<void> {
  if (platform === '') return;
  const call: DaemonCall = {
    doing: `inspect image "${image}"`,
    method: 'GET',
    path: `/images/${encodePath(image)}/json`,
  };
  const options = { limitMs: timing.callLimitMs, accept: [200, 404] };
  const { status, body, isPodman } = await daemon.expect(call, options);
  // The creation reports an image that is missing.
  if (!isPodman || status === 404) return;
  const { Os, Architecture } = parseReply(imageSchema, body, daemon.action(call));
  const found = { os: Os ?? '', architecture: Architecture ?? '' };
  if (isForPlatform(found, platform)) return;
  throw new FinalError(
    FailureType.RunnerConfiguration,
    `image "${image}" does not match the specified platform: wanted ${platform}, actual: ${found.os}/${found.architecture}; correct the platform, or name an image that is made for it`,
  );
}
