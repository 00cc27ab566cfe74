import type { ApiAnswer, Coordinator, Log } from '../../ports/index.ts';
import type { ProgramInfo } from '../../domain/context/context.ts';
import { DEFAULT_ARTIFACT_CONFIG } from '../../domain/runner/artifact-config.ts';
import type { LargePatches } from '../../domain/trace/patch-size.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import { mountedCaFiles, proxyEnvironment } from '../../domain/runner/outbound.ts';
import { runnerInfo } from '../../domain/context/info.ts';
import { createArtifactCalls } from './artifact-calls.ts';
import { createArtifactDownload } from './artifact-download.ts';
import { createApi, type Api } from './http.ts';
import { createJobCalls } from './job-calls.ts';
import { createJobRequest } from './job-request.ts';
import { createLastUpdate } from './last-update.ts';
import type { Environment, Timeouts } from './transport.ts';

export interface CoordinatorOptions {
  readonly runner: RunnerConfig;
  readonly systemId: string;
  readonly program: ProgramInfo;
  readonly log: Log;
  /** Directory of config.toml, in which `certs/<host>.crt` is found. */
  readonly configDir: string;
  readonly env: Environment;
  readonly timeouts?: Partial<Timeouts>;
  readonly onTry?: ApiAnswerListener;
  /** Shared by all coordinators of a node. */
  readonly largePatches: LargePatches;
}

type ApiAnswerListener = (answer: ApiAnswer) => void;

/** A Coordinator with a method that closes its idle sockets. */
export interface ClosableCoordinator extends Coordinator {
  close(): Promise<void>;
}

/**
 * Creates GitLab's job API for one `[[runners]]` entry. This opens nothing and never throws: an
 * unusable `url` shows in the replies.
 */
export function createCoordinator(options: CoordinatorOptions): ClosableCoordinator {
  const { runner, program, timeouts } = options;
  const api = createApi({ ...options, ...runner, timeouts });
  const files = filesOptions(options);
  const downloads = createArtifactDownload({ ...files, ...runner, timeouts });
  const lastUpdate = createLastUpdate();
  const info = runnerInfo(program, runner.executor, runner.docker.gpus);
  const requestJob = createJobRequest({ ...options, api, info, lastUpdate });
  const artifacts = createArtifactCalls({
    url: runner.url,
    openApi: (url) => openArtifactApi(files, url),
  });
  return {
    requestJob,
    ...createJobCalls({ api, info, lastUpdate, largePatches: options.largePatches }),
    uploadArtifact: artifacts.uploadArtifact,
    downloadArtifact: downloads.downloadArtifact,
    close: async () => {
      downloads.close();
      await Promise.all([api.close(), artifacts.close()]);
    },
  };
}

/**
 * Returns the options for files of jobs. They travel as they would from the helper container: by
 * its proxies and with its CA.
 */
function filesOptions<T extends CoordinatorOptions>(options: T) {
  const { runner, env } = options;
  return {
    ...options,
    env: proxyEnvironment(env, runner.environment),
    trustedFiles: mountedCaFiles(runner.docker.volumes),
  };
}

/** Opens a separate client, because its connections have other time limits. */
function openArtifactApi(options: CoordinatorOptions, url: string): Api {
  const { runner, timeouts } = options;
  const { uploadTimeoutMs, responseHeaderTimeoutMs } = runner.artifact ?? DEFAULT_ARTIFACT_CONFIG;
  const limits = { headersMs: responseHeaderTimeoutMs, requestMs: uploadTimeoutMs };
  return createApi({ ...options, ...runner, url, timeouts: { ...limits, ...timeouts } });
}
