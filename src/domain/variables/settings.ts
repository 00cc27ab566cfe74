import { parseGoBool } from '../job/go-bool.ts';
import { parseGoDuration } from '../job/go-duration.ts';
import { quoteText } from '../quote-text.ts';

/**
 * The value of a setting, and a line for the trace when the variable could not be used as it is.
 */
export interface Reading<T> {
  readonly value: T;
  readonly warning?: string;
}

/** Reads settings from variables. */
export interface Settings {
  readonly flag: (key: string, fallback: boolean) => Reading<boolean>;
  readonly integer: (key: string, fallback: number) => Reading<number>;
  readonly attempts: (key: string) => Reading<number>;
  readonly duration: (key: string) => Reading<number | undefined>;
}

const MIN_ATTEMPTS = 1;
const MAX_ATTEMPTS = 10;

const DEBUG_FLAGS: ReadonlySet<string> = new Set(['CI_DEBUG_TRACE', 'CI_DEBUG_SERVICES']);

/**
 * Source: gitlab-runner `common/build_settings.go` (validate), `common/build.go`
 * (getStageTimeoutContexts).
 */
export function readSettings(
  get: (key: string) => string,
  { isDebugForbidden }: { readonly isDebugForbidden: boolean },
): Settings {
  return {
    flag: (key, fallback) => {
      const isForbidden = isDebugForbidden && DEBUG_FLAGS.has(key);
      return readFlag(key, get(key), { fallback, isForbidden });
    },
    integer: (key, fallback) => readInteger(key, get(key), fallback),
    attempts: (key) => readAttempts(key, get(key)),
    duration: (key) => readDuration(key, get(key)),
  };
}

function readFlag(
  key: string,
  text: string,
  { fallback, isForbidden }: { readonly fallback: boolean; readonly isForbidden: boolean },
): Reading<boolean> {
  const parsed = text === '' ? fallback : parseGoBool(text);
  const value = isForbidden ? false : (parsed ?? fallback);
  if (parsed === undefined) {
    const warning = `${key}: expected bool got ${quoteText(text)}, using default value: ${fallback}`;
    return { value, warning };
  }
  return isForbidden && parsed
    ? { value, warning: `${key}: usage is disabled on this Runner` }
    : { value };
}

function readInteger(key: string, text: string, fallback: number): Reading<number> {
  if (text === '') return { value: fallback };
  const value = /^[-+]?\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value)) return { value };
  const warning = `${key}: expected int got ${quoteText(text)}, using default value: ${fallback}`;
  return { value: fallback, warning };
}

function readAttempts(key: string, text: string): Reading<number> {
  const wanted = readInteger(key, text, MIN_ATTEMPTS);
  const value = Math.min(MAX_ATTEMPTS, Math.max(MIN_ATTEMPTS, wanted.value));
  if (value === wanted.value) return wanted;
  const range = `[${MIN_ATTEMPTS}, ${MAX_ATTEMPTS}]`;
  const warning = `${key}: number of attempts out of the range ${range}, clamping to: ${value}`;
  return { value, warning };
}

function readDuration(key: string, text: string): Reading<number | undefined> {
  if (text.trim() === '') return { value: undefined };
  const value = parseGoDuration(text);
  if (value === undefined) {
    return { value, warning: `Ignoring malformed ${key} timeout: ${quoteText(text)}` };
  }
  if (value < 0) {
    return { value: undefined, warning: `Ignoring relative ${key} timeout: ${quoteText(text)}` };
  }
  // As in gitlab-runner, zero means that the job sets no time-out, so the usual one applies.
  return { value: value === 0 ? undefined : value };
}

/** The variables that settings are read from. */
export interface SettingsInput {
  readonly get: (key: string) => string;
  readonly settings: Settings;
  readonly defaultGitStrategy: string;
  readonly defaultDepth: number;
  readonly jobTimeoutMs: number;
}

/**
 * Returns warnings about every setting that the runner knows. They appear in the trace before the
 * first stage, whether or not the setting is used. Source: gitlab-runner
 * `common/build_settings.go`.
 */
export function settingsWarnings(input: SettingsInput): readonly string[] {
  const { settings, defaultDepth } = input;
  return [
    ...warningsOf([
      settings.flag('CI_DEBUG_SERVICES', false),
      settings.flag('CI_DEBUG_TRACE', false),
      settings.flag('GIT_CHECKOUT', true),
      settings.integer('GIT_SUBMODULE_DEPTH', defaultDepth),
      settings.flag('GIT_LFS_SKIP_SMUDGE', false),
      settings.flag('GIT_SUBMODULE_FORCE_HTTPS', false),
      settings.attempts('GET_SOURCES_ATTEMPTS'),
      settings.attempts('ARTIFACT_DOWNLOAD_ATTEMPTS'),
      settings.attempts('RESTORE_CACHE_ATTEMPTS'),
      settings.attempts('SECRETS_RETRIEVAL_ATTEMPTS'),
      settings.attempts('EXECUTOR_JOB_SECTION_ATTEMPTS'),
      settings.flag('AFTER_SCRIPT_IGNORE_ERRORS', true),
      settings.integer('CACHE_REQUEST_TIMEOUT', 10),
    ]),
    ...strategyWarnings(input),
    ...TIMEOUT_KEYS.flatMap((key) => timeoutWarnings(key, input)),
    ...warningsOf(TIMEOUT_KEYS.map((key) => settings.duration(key))),
  ];
}

const TIMEOUT_KEYS = ['RUNNER_SCRIPT_TIMEOUT', 'RUNNER_AFTER_SCRIPT_TIMEOUT'] as const;

function warningsOf(readings: readonly Reading<unknown>[]): readonly string[] {
  return readings.flatMap(({ warning }) => (warning === undefined ? [] : [warning]));
}

function strategyWarnings({ get, defaultGitStrategy }: SettingsInput): readonly string[] {
  const git = get('GIT_STRATEGY');
  const submodules = get('GIT_SUBMODULE_STRATEGY');
  return [
    ...(['', 'clone', 'fetch', 'none', 'empty'].includes(git)
      ? []
      : [
          `GIT_STRATEGY: expected either 'clone', 'fetch', 'none' or 'empty' got ${quoteText(git)}, ` +
            `using default value '${defaultGitStrategy}'`,
        ]),
    ...(['', 'normal', 'recursive', 'none'].includes(submodules)
      ? []
      : [
          `GIT_SUBMODULE_STRATEGY: expected either 'normal', 'recursive' or 'none' ` +
            `got ${quoteText(submodules)}`,
        ]),
  ];
}

function timeoutWarnings(
  key: string,
  { get, settings, jobTimeoutMs }: SettingsInput,
): readonly string[] {
  const { value: durationMs } = settings.duration(key);
  if (durationMs === undefined || durationMs <= jobTimeoutMs) return [];
  return [`${key} timeout: ${get(key)} is longer than job timeout. Setting to job timeout`];
}
