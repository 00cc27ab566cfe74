import { parseGoBool } from '../job/go-bool.ts';
import { parseGoDuration } from '../job/go-duration.ts';

/** Reads settings from variables, and remembers what could not be read. */
export interface Settings {
  readonly flag: (key: string, fallback: boolean) => boolean;
  readonly integer: (key: string, fallback: number) => number;
  readonly attempts: (key: string) => number;
  readonly duration: (key: string) => number | undefined;
  readonly warnings: () => readonly string[];
}

const MIN_ATTEMPTS = 1;
const MAX_ATTEMPTS = 10;

const DEBUG_FLAGS: ReadonlySet<string> = new Set(['CI_DEBUG_TRACE', 'CI_DEBUG_SERVICES']);

/** Source: gitlab-runner `common/build_settings.go` (validate), `common/build.go` (getStageTimeoutContexts). */
export function readSettings(
  get: (key: string) => string,
  options: { readonly isDebugForbidden: boolean },
): Settings {
  const warnings = new Set<string>();
  const integer = (key: string, fallback: number): number => {
    const text = get(key);
    if (text === '') return fallback;
    const value = /^[-+]?\d+$/.test(text) ? Number(text) : NaN;
    if (Number.isSafeInteger(value)) return value;
    warnings.add(`${key}: expected int got ${quote(text)}, using default value: ${fallback}`);
    return fallback;
  };
  return {
    flag: (key, fallback) => {
      const text = get(key);
      const value = text === '' ? fallback : parseGoBool(text);
      if (value === undefined) {
        warnings.add(`${key}: expected bool got ${quote(text)}, using default value: ${fallback}`);
      }
      if (!options.isDebugForbidden || !DEBUG_FLAGS.has(key)) return value ?? fallback;
      if (value === true) warnings.add(`${key}: usage is disabled on this Runner`);
      return false;
    },
    integer,
    attempts: (key) => {
      const wanted = integer(key, MIN_ATTEMPTS);
      const value = Math.min(MAX_ATTEMPTS, Math.max(MIN_ATTEMPTS, wanted));
      if (value !== wanted) {
        const range = `[${MIN_ATTEMPTS}, ${MAX_ATTEMPTS}]`;
        warnings.add(`${key}: number of attempts out of the range ${range}, clamping to: ${value}`);
      }
      return value;
    },
    duration: (key) => {
      const text = get(key);
      if (text.trim() === '') return undefined;
      const durationMs = parseGoDuration(text);
      if (durationMs === undefined) {
        warnings.add(`Ignoring malformed ${key} timeout: ${quote(text)}`);
      } else if (durationMs < 0) {
        warnings.add(`Ignoring relative ${key} timeout: ${quote(text)}`);
      }
      // Zero is no time-out of its own in the peer either: the usual one counts.
      return durationMs !== undefined && durationMs > 0 ? durationMs : undefined;
    },
    warnings: () => [...warnings],
  };
}

export interface SettingsInput {
  readonly get: (key: string) => string;
  readonly settings: Settings;
  readonly defaultGitStrategy: string;
  readonly defaultDepth: number;
  readonly jobTimeoutMs: number;
}

/**
 * Lines about every setting the runner knows, so that they stand in the trace before the first
 * stage and not only when somebody asks. Source: gitlab-runner `common/build_settings.go`.
 */
export function settingsWarnings(input: SettingsInput): readonly string[] {
  const { settings, defaultDepth } = input;
  settings.flag('CI_DEBUG_SERVICES', false);
  settings.flag('CI_DEBUG_TRACE', false);
  settings.flag('GIT_CHECKOUT', true);
  settings.integer('GIT_SUBMODULE_DEPTH', defaultDepth);
  settings.flag('GIT_LFS_SKIP_SMUDGE', false);
  settings.flag('GIT_SUBMODULE_FORCE_HTTPS', false);
  settings.attempts('GET_SOURCES_ATTEMPTS');
  settings.attempts('ARTIFACT_DOWNLOAD_ATTEMPTS');
  settings.attempts('RESTORE_CACHE_ATTEMPTS');
  settings.attempts('SECRETS_RETRIEVAL_ATTEMPTS');
  settings.attempts('EXECUTOR_JOB_SECTION_ATTEMPTS');
  settings.flag('AFTER_SCRIPT_IGNORE_ERRORS', true);
  return [
    ...settings.warnings(),
    ...strategyWarnings(input),
    ...timeoutWarnings('RUNNER_SCRIPT_TIMEOUT', input),
    ...timeoutWarnings('RUNNER_AFTER_SCRIPT_TIMEOUT', input),
  ];
}

function strategyWarnings({ get, defaultGitStrategy }: SettingsInput): readonly string[] {
  const git = get('GIT_STRATEGY');
  const submodules = get('GIT_SUBMODULE_STRATEGY');
  return [
    ...(['', 'clone', 'fetch', 'none', 'empty'].includes(git)
      ? []
      : [
          `GIT_STRATEGY: expected either 'clone', 'fetch', 'none' or 'empty' got ${quote(git)}, ` +
            `using default value '${defaultGitStrategy}'`,
        ]),
    ...(['', 'normal', 'recursive', 'none'].includes(submodules)
      ? []
      : [
          `GIT_SUBMODULE_STRATEGY: expected either 'normal', 'recursive' or 'none' ` +
            `got ${quote(submodules)}`,
        ]),
  ];
}

function timeoutWarnings(
  key: string,
  { get, settings, jobTimeoutMs }: SettingsInput,
): readonly string[] {
  const durationMs = settings.duration(key);
  if (durationMs === undefined || durationMs <= jobTimeoutMs) return [];
  return [`${key} timeout: ${get(key)} is longer than job timeout. Setting to job timeout`];
}

/** One line, whatever is in it, and not a long one: a hostile value must not fill the trace. */
function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
