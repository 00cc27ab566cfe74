import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { expandText } from '../../domain/variables/expand.ts';
import { urlFault } from '../../domain/runner/api-url.ts';
import type { InstallationConfig, RunnerConfig } from '../../domain/runner/config.ts';
import { readCache } from './cache-schema.ts';
import { describeIssue } from './config-faults.ts';
import { readDocker } from './docker-schema.ts';
import { sortKeys, type SortedKeys } from './known-keys.ts';
import { parseToml } from './parse-toml.ts';
import { readEntry, type ReadEntry } from './read-entry.ts';
import { orUndefined } from './schema-parts.ts';
import { installationSchema, type RawInstallation, type RawRunner } from './schema.ts';

export interface ConfigText {
  readonly text: string;
  /** Path of the file, for messages. */
  readonly path: string;
  /** Environment for `$VAR` in `url` and `token`. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ReadConfig {
  /** The configuration with every entry of the file, usable or not. */
  readonly config: InstallationConfig;
  readonly unusable: readonly UnusableRunner[];
  readonly keys: SortedKeys;
}

/** An entry that gets no jobs, while the others do. */
export interface UnusableRunner {
  readonly index: number;
  readonly name: string;
  readonly reason: string;
  /** True: the entry should be served, but some of its keys have unusable values. */
  readonly isFaulty: boolean;
}

const BYTES_PER_KIB = 1024;

/**
 * Parses a config.toml. A fault in one entry disables only that entry. Throws InvalidConfig, with
 * place, fault and allowed values, when the whole file is affected.
 */
export function readConfig({ text, path, env }: ConfigText): ReadConfig {
  const keys = sortKeys(parseToml(text, path));
  const parsed = installationSchema.safeParse(keys.acted, { reportInput: true });
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => describeIssue(issue));
    throw new FinalError(FailureType.InvalidConfig, `${path}: ${faults.join('; ')}`);
  }
  const { concurrent, check_interval, log_level, log_format, shutdown_timeout } = parsed.data;
  const entries = parsed.data.runners.map(readEntry);
  const runners = entries.map(({ raw }) => readRunner(raw, env));
  const config: InstallationConfig = {
    concurrent,
    checkIntervalSeconds: check_interval,
    logLevel: log_level,
    logFormat: log_format,
    shutdownTimeoutSeconds: shutdown_timeout,
    listenAddress: parsed.data.listen_address,
    ...readSessionServer(parsed.data.session_server),
    runners,
  };
  return { config, unusable: findUnusable(runners, entries), keys };
}

function readSessionServer(
  raw: RawInstallation['session_server'],
): Pick<InstallationConfig, 'sessionServer'> {
  if (raw === undefined || raw.listen_address === '') return {};
  return {
    sessionServer: {
      listenAddress: raw.listen_address,
      advertiseAddress: raw.advertise_address,
      timeoutSeconds: raw.session_timeout,
    },
  };
}

function readRunner(raw: RawRunner, env: ConfigText['env']): RunnerConfig {
  const expand = (text: string): string => expandText(text, (name) => env[name] ?? '');
  const url = expand(raw.url);
  const token = expand(raw.token);
  return {
    key: runnerKey(url, token),
    name: raw.name === '' ? hostname() : raw.name,
    url,
    token,
    id: raw.id,
    tlsCaFile: orUndefined(raw['tls-ca-file']),
    tlsCertFile: orUndefined(raw['tls-cert-file']),
    tlsKeyFile: orUndefined(raw['tls-key-file']),
    executor: raw.executor,
    limit: raw.limit,
    requestConcurrency: raw.request_concurrency,
    outputLimitBytes: Math.min(raw.output_limit * BYTES_PER_KIB, Number.MAX_SAFE_INTEGER),
    buildsDir: raw.builds_dir,
    cacheDir: raw.cache_dir,
    cloneUrl: raw.clone_url,
    environment: raw.environment,
    preGetSourcesScript: raw.pre_get_sources_script,
    postGetSourcesScript: raw.post_get_sources_script,
    preBuildScript: raw.pre_build_script,
    postBuildScript: raw.post_build_script,
    debugTraceDisabled: raw.debug_trace_disabled,
    isDirectoryDistrusted: raw.safe_directory_checkout === false,
    cleansGitConfig: raw.clean_git_config,
    prepareTimeoutSeconds: raw.prepare_timeout,
    sourcesTimeoutSeconds: raw.get_sources_timeout,
    unhealthyRequestsLimit: raw.unhealthy_requests_limit,
    unhealthyIntervalSeconds: raw.unhealthy_interval,
    featureFlags: raw.feature_flags,
    isClonePathForbidden: !raw.custom_build_dir.enabled,
    artifact: {
      uploadTimeoutMs: raw.artifact.upload_timeout,
      responseHeaderTimeoutMs: raw.artifact.response_header_timeout,
    },
    ...(raw.cache !== undefined && { cache: readCache(raw.cache) }),
    docker: readDocker(raw.docker),
  };
}

/** Returns a one-way hash that changes with the token, so it is safe in workflow ids and logs. */
function runnerKey(url: string, token: string): string {
  return createHash('sha256').update(`${url}\0${token}`).digest('hex').slice(0, 10);
}

function findUnusable(
  runners: readonly RunnerConfig[],
  entries: readonly ReadEntry[],
): readonly UnusableRunner[] {
  const usable: RunnerConfig[] = [];
  return runners.flatMap((runner, index) => {
    const faults = entries[index]?.faults ?? [];
    const isFaulty = faults.length > 0;
    const reason = isFaulty ? faults.join('; ') : whyUnusable(runner, usable);
    if (reason !== undefined) return [{ index, name: runner.name, reason, isFaulty }];
    usable.push(runner);
    return [];
  });
}

function whyUnusable(
  { url, token, executor, key }: RunnerConfig,
  usableBefore: readonly RunnerConfig[],
): string | undefined {
  if (url === '') return 'it has no "url"';
  const fault = urlFault(url);
  if (fault !== undefined) return `its "url" ${fault}`;
  if (token === '') return 'it has no "token"';
  if (/\s/.test(token)) return 'its "token" has white space in it';
  if (executor !== 'docker') {
    return `its "executor" is "${executor}", and only "docker" is supported`;
  }
  // Two entries with one token would give two running builds the same volumes.
  const twin = usableBefore.find((other) => other.key === key);
  return twin && `"url" and "token" are those of "${twin.name}", which stands before it`;
}
