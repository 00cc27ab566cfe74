import { StringDecoder } from 'node:string_decoder';
import type { ContainerEngine, ImageInfo, PullOptions } from '../../ports/index.ts';
import { isImageId, splitPullReference } from '../../domain/executor/image-reference.ts';
import { serverOfImage } from '../../domain/executor/registry-auth.ts';
import {
  classifyPullFailure,
  MAX_PULL_TRIES,
  mayPullPass,
  type PullFailure,
} from '../../domain/executor/pull-policy.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { inTries, upTo, type TryEnd } from '../../domain/tries.ts';
import { encodePath, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { inspect } from './inspect.ts';
import { pause } from './pause.ts';
import { readReply } from './read-reply.ts';
import { imageSchema } from './replies.ts';
import { shareCalls } from './share-calls.ts';

type Images = Pick<ContainerEngine, 'inspectImage' | 'pullImage'>;

export function createImages(parts: EngineParts): Images {
  const share = shareCalls<ImageInfo>();
  return {
    inspectImage: (reference) => inspectImage(parts, reference),
    pullImage: (reference, { signal, ...options }) => {
      // Credentials are part of the key: a build must not get an image by another build's
      // credentials.
      const key = JSON.stringify([reference, options.platform, options.auth]);
      return share(
        key,
        (either) => pullImage(parts, reference, { ...options, signal: either }),
        signal,
      );
    },
  };
}

async function inspectImage(parts: EngineParts, reference: string): Promise<ImageInfo | undefined> {
  const found = await inspect(
    parts,
    { doing: `inspect image "${reference}"`, path: `/images/${encodePath(reference)}/json` },
    { schema: imageSchema, badRequest: FailureType.RunnerConfiguration },
  );
  if (found === undefined) return undefined;
  const { Id, RepoDigests, Config, Os, Architecture } = found;
  return {
    id: Id,
    repoDigests: RepoDigests ?? [],
    user: Config?.User ?? '',
    entrypoint: Config?.Entrypoint ?? [],
    ...(Os && Architecture && { platform: { os: Os, architecture: Architecture } }),
  };
}

interface Pull extends PullOptions {
  readonly signal: AbortSignal;
}

async function pullImage(parts: EngineParts, reference: string, pull: Pull): Promise<ImageInfo> {
  if (!isImageId(reference)) await pullWithRetries(parts, reference, pull);
  const image = await inspectImage(parts, reference);
  if (image !== undefined) return image;
  throw new FinalError(
    isImageId(reference) ? FailureType.RunnerConfiguration : FailureType.ImagePull,
    isImageId(reference)
      ? `image "${reference}" is not on this node, and an image given by its id cannot be pulled: name it by its repository`
      : `image "${reference}" was pulled, but Docker at ${parts.daemon.address} does not have it`,
  );
}

async function pullWithRetries(parts: EngineParts, reference: string, pull: Pull): Promise<void> {
  const { log, timing } = parts;
  const limits = { most: MAX_PULL_TRIES, pauseMs: timing.pullDelayMs };
  await inTries(() => pullOnce(parts, reference, pull), {
    nextMs: upTo(limits, (end) => {
      if (end.kind === 'failed') pull.signal.throwIfAborted();
      return faultOf(end) !== undefined;
    }),
    onRetry: (end, tries) => {
      // Only the last failure is reported, in the trace and at the end of the job. Nobody has to
      // act before.
      const reason = faultOf(end)?.message;
      log.debug('pull failed, trying again', { image: reference, tries, reason });
    },
    pause: (ms) => pause(ms, pull.signal).then(() => true),
  });
}

/** Returns the fault of a pull that is worth another try. */
function faultOf(end: TryEnd<void>): FinalError | undefined {
  if (end.kind === 'answered') return undefined;
  return end.error instanceof FinalError && mayPass(end.error) ? end.error : undefined;
}

async function pullOnce(parts: EngineParts, reference: string, pull: Pull): Promise<void> {
  const { daemon, timing } = parts;
  const { platform, auth } = pull;
  const call: DaemonCall = {
    doing: `pull image "${reference}"`,
    method: 'POST',
    path: '/images/create',
    query: { ...splitPullReference(reference), ...(platform !== undefined && { platform }) },
    ...(auth !== undefined && { auth: { ...auth, server: serverOfImage(reference) } }),
  };
  const idle = new AbortController();
  const timer = setTimeout(() => {
    idle.abort();
  }, timing.pullIdleMs);
  try {
    const response = await daemon.open(call, AbortSignal.any([idle.signal, pull.signal]));
    if (response.statusCode !== 200) {
      throw pullFault(reference, (await readReply(response)).message);
    }
    for await (const { error, errorDetail } of readProgress(response)) {
      timer.refresh();
      const message = errorDetail?.message ?? error;
      if (message !== undefined) throw pullFault(reference, message);
    }
  } catch (error) {
    if (idle.signal.aborted) {
      throw pullFault(reference, `i/o timeout: no progress for ${timing.pullIdleMs / 1000} s`);
    }
    throw daemon.fault(error, call);
  } finally {
    clearTimeout(timer);
  }
}

/** Matches the message about a registry without TLS that the engine does not know as such. */
const PLAIN_HTTP = /server gave HTTP response to HTTPS client/i;
const PLAIN_HTTP_ADVICE =
  'if its registry is meant to speak plain HTTP, tell Docker by insecure-registries in daemon.json, or Podman by insecure = true in registries.conf';

const ADVICE: Readonly<Record<PullFailure, string>> = {
  [FailureType.RunnerConfiguration]: 'check its name and tag, and the credentials for its registry',
  [FailureType.ExternalDependency]: "check that the Docker host reaches the image's registry",
  [FailureType.ImagePull]: "look at the log of the registry and of Docker's daemon",
};

function pullFault(reference: string, message: string): FinalError {
  const type = classifyPullFailure(message);
  const advice = PLAIN_HTTP.test(message) ? PLAIN_HTTP_ADVICE : ADVICE[type];
  const text = `cannot pull image "${reference}": ${message.trim()}; ${advice}`;
  return new FinalError(type, text, { cause: new Error(message) });
}

/**
 * Whether a fault may pass. Decides by Docker's own message, because ours contains the image's
 * name, which may be any text.
 */
function mayPass({ cause }: FinalError): boolean {
  return cause instanceof Error && mayPullPass(cause.message);
}

interface Progress {
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

const MAX_LINE_LENGTH = 1024 * 1024;

/**
 * Reads the lines of a pull's answer, each a JSON object. docker-modem's own reader ends the
 * process at a malformed line and keeps every line in memory.
 */
export async function* readProgress(chunks: AsyncIterable<unknown>): AsyncGenerator<Progress> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk as Buffer)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield parseProgress(line);
    if (rest.length > MAX_LINE_LENGTH) yield parseProgress(rest);
  }
  yield parseProgress(rest);
}

function parseProgress(line: string): Progress {
  if (line.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return { error: `unreadable progress of the pull: ${line.slice(0, 200)}` };
  }
}
