import { z } from 'zod';
import { LOG_FORMATS, LOG_LEVELS, logLevelOf } from './log-choices.ts';
import { parseGoDuration } from '../../domain/job/go-duration.ts';
import { DEFAULT_SESSION_TIMEOUT_SECONDS } from '../../domain/runner/session-address.ts';
import { DEFAULT_ARTIFACT_CONFIG } from '../../domain/runner/artifact-config.ts';
import { cacheSchema } from './cache-schema.ts';
import { dockerSchema } from './docker-schema.ts';
import {
  flag,
  flagMap,
  integer,
  limitSeconds,
  orDefault,
  secondsOrDefault,
  table,
  text,
  textList,
} from './schema-parts.ts';

const durationSeconds = (fallback: number) =>
  z
    .union(
      [integer.transform((nanoseconds) => nanoseconds / 1e9), z.string().transform(readSeconds)],
      {
        error: 'a duration such as "1h30m"',
      },
    )
    .transform(limitSeconds)
    .default(fallback);

function readSeconds(value: string, context: z.RefinementCtx): number {
  const durationMs = parseGoDuration(value);
  if (durationMs !== undefined) return durationMs / 1000;
  context.addIssue({ code: 'custom', message: 'a duration such as "1h30m"' });
  return z.NEVER;
}

/**
 * Unlike elsewhere, 0 means the default here: without a limit a dead server would block an upload
 * for ever.
 */
const limitMs = (fallbackMs: number) =>
  durationSeconds(fallbackMs / 1000).transform((seconds) =>
    seconds > 0 ? seconds * 1000 : fallbackMs,
  );

export const artifactSchema = z.object(
  {
    upload_timeout: limitMs(DEFAULT_ARTIFACT_CONFIG.uploadTimeoutMs),
    response_header_timeout: limitMs(DEFAULT_ARTIFACT_CONFIG.responseHeaderTimeoutMs),
  },
  table,
);

export const customBuildDirSchema = z.object({ enabled: flag.default(true) }, table);

const absoluteDirectory = (fallback: string) =>
  text.transform((value) => (value === '' ? fallback : value)).default(fallback);

export const runnerSchema = z.object(
  {
    name: text.default(''),
    url: text.default(''),
    token: text.default(''),
    id: integer.default(0),
    'tls-ca-file': text.default(''),
    'tls-cert-file': text.default(''),
    'tls-key-file': text.default(''),
    executor: text.default(''),
    limit: orDefault(0),
    request_concurrency: orDefault(1),
    output_limit: orDefault(4096),
    builds_dir: absoluteDirectory('/builds'),
    cache_dir: absoluteDirectory('/cache'),
    clone_url: text.default(''),
    environment: textList.default([]),
    pre_get_sources_script: text.default(''),
    post_get_sources_script: text.default(''),
    pre_build_script: text.default(''),
    post_build_script: text.default(''),
    debug_trace_disabled: flag.default(false),
    safe_directory_checkout: flag.optional(),
    clean_git_config: flag.optional(),
    prepare_timeout: durationSeconds(0),
    get_sources_timeout: durationSeconds(0),
    unhealthy_requests_limit: orDefault(3),
    unhealthy_interval: durationSeconds(3600),
    feature_flags: flagMap.default({}),
    custom_build_dir: customBuildDirSchema.prefault({}),
    artifact: artifactSchema.prefault({}),
    cache: cacheSchema.optional(),
    docker: dockerSchema.prefault({}),
  },
  table,
);

export const sessionServerSchema = z.object(
  {
    listen_address: text.default(''),
    advertise_address: text.default(''),
    session_timeout: secondsOrDefault(DEFAULT_SESSION_TIMEOUT_SECONDS),
  },
  table,
);

export const installationSchema = z.object(
  {
    concurrent: integer.min(1, 'at least 1').default(1),
    check_interval: secondsOrDefault(3),
    log_level: z
      .preprocess(
        (value) => (typeof value === 'string' ? (logLevelOf(value) ?? value) : value),
        z.enum(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`),
      )
      .default('info'),
    log_format: z.enum(LOG_FORMATS, `one of ${LOG_FORMATS.join(', ')}`).default('runner'),
    shutdown_timeout: secondsOrDefault(30),
    listen_address: text.default(''),
    session_server: sessionServerSchema.optional(),
    // Each entry is parsed separately, so that a fault in one does not affect the others.
    runners: z.array(z.looseObject({}, table), 'tables, each headed [[runners]]').default([]),
  },
  table,
);

export type RawRunner = z.output<typeof runnerSchema>;

export type RawInstallation = z.output<typeof installationSchema>;
