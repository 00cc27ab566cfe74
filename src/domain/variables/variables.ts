import type { BuildContext } from '../context/context.ts';
import { shortToken } from '../context/names.ts';
import {
  filesOf,
  formatEnvironment,
  maskPhrasesOf,
  servicesEnvironment,
  skippedWarning,
  type VariableFile,
} from './environment.ts';
import { specialValue } from './expand.ts';
import { FEATURE_FLAGS, resolveFeatureFlags, type FeatureFlags } from './feature-flags.ts';
import type { JobStatus } from '../job/job-status.ts';
import type { JobPayload, JobVariable } from '../job/payload.ts';
import { isSharedBuildsDir, planProjectDir, type ProjectDir } from '../job/project-dir.ts';
import {
  composeForSettings,
  composeVariables,
  jobTimeoutSeconds,
  type Composition,
} from './runner-variables.ts';
import { readSettings, settingsWarnings, type SettingsInput } from './settings.ts';
import {
  expandAll,
  fromJob,
  listVariables,
  type Expansion,
  type Variable,
  type VariableList,
} from './variable-list.ts';

export type { VariableFile } from './environment.ts';

/** All variables of a build, in the order of precedence and expanded once. */
export interface Variables {
  /**
   * Returns the expanded value of the last variable of that name; empty when there is none. File
   * variables give their content.
   */
  readonly get: (key: string) => string;
  /** Replaces `$NAME` and `${NAME}` in `text`, in one pass. File variables give their path. */
  readonly expand: (text: string) => string;
  /** Returns a boolean by Go's ParseBool; `fallback` for an empty, absent or other value. */
  readonly flag: (key: string, fallback: boolean) => boolean;
  /** Returns a decimal integer; `fallback` for an empty, absent or other value. */
  readonly integer: (key: string, fallback: number) => number;
  /**
   * Returns how often a stage is tried, from a `*_ATTEMPTS` variable: 1…10, and 1 when it is not
   * set.
   */
  readonly attempts: (key: string) => number;
  /**
   * Returns the milliseconds of a Go duration; undefined when it is absent, zero, malformed or
   * negative.
   */
  readonly duration: (key: string) => number | undefined;
  /** Returns `KEY=value`, one for each name; file variables give their path. */
  readonly environment: () => readonly string[];
  /** Returns the variables of a service: public ones and the runner's, then the service's own. */
  readonly publicEnvironment: (own?: readonly JobVariable[]) => readonly string[];
  readonly files: () => readonly VariableFile[];
  /** Returns the values that the trace must not show, the longest first. */
  readonly maskPhrases: () => readonly string[];
  /** Lines for the trace about settings that cannot be used, whichever stage reads them. */
  readonly warnings: readonly string[];
  /** Absolute path of the checkout in the container. */
  readonly projectDir: string;
  /** `<projectDir>.tmp`: file variables and git's own files. */
  readonly tempDir: string;
  /**
   * Why the build must fail as a configuration error, because its GIT_CLONE_PATH is not allowed;
   * undefined when it need not.
   */
  readonly projectDirFault: string | undefined;
  readonly featureFlags: FeatureFlags;
}

/** The variables of a job as they were last built, by the job's status. */
interface Built {
  readonly context: BuildContext;
  readonly byStatus: Map<JobStatus, Variables>;
}

const lastBuilt = new WeakMap<JobPayload, Built>();

/** The fields of a context that no variable depends on: see `finishVariables` for the exports. */
const NO_VARIABLE: ReadonlySet<string> = new Set(['exports', 'lostFiles']);

/**
 * Builds all variables of a build, once for each status of the job and again when the build's
 * context changes. Never fails, whatever the job contains: `warnings` and `projectDirFault` tell
 * what cannot be used. Source: gitlab-runner `common/build.go` (GetAllVariables).
 */
export function buildVariables(
  context: BuildContext,
  { jobStatus }: { readonly jobStatus: JobStatus },
): Variables {
  const last = lastBuilt.get(context.job);
  const isSame = last !== undefined && hasSameVariables(last.context, context);
  const { byStatus } = isSame ? last : { byStatus: new Map<JobStatus, Variables>() };
  if (!isSame) lastBuilt.set(context.job, { context, byStatus });
  const variables = byStatus.get(jobStatus) ?? composeAll(context, jobStatus);
  byStatus.set(jobStatus, variables);
  return variables;
}

/**
 * Whether two contexts have the same variables. Parts are compared by identity, because a context
 * is never changed: a part of it is replaced.
 */
function hasSameVariables(a: BuildContext, b: BuildContext): boolean {
  if (a === b) return true;
  const others = new Map(Object.entries(a).filter(([key]) => !NO_VARIABLE.has(key)));
  const own = Object.entries(b).filter(([key]) => !NO_VARIABLE.has(key));
  return own.length === others.size && own.every(([key, value]) => others.get(key) === value);
}

function composeAll(context: BuildContext, jobStatus: JobStatus): Variables {
  const { featureFlags, project } = decide(context, jobStatus);
  const { dir: projectDir, fault: projectDirFault } = project;
  const tempDir = `${projectDir}.tmp`;
  const { entries, tooLong } = expandComposed(
    { context, directories: { projectDir, tempDir }, jobStatus },
    featureFlags,
  );
  const list = listVariables(entries, tempDir);

  const get = (key: string): string => specialValue(key) ?? list.last(key)?.value ?? '';
  const isDebugForbidden = context.runner.debugTraceDisabled;
  const settings = readSettings(get, { isDebugForbidden });
  const { lines, skipped } = formatEnvironment(entries, tempDir);

  return {
    get,
    expand: (text) => list.expand(text) ?? text,
    flag: (key, fallback) => settings.flag(key, fallback).value,
    integer: (key, fallback) => settings.integer(key, fallback).value,
    attempts: (key) => settings.attempts(key).value,
    duration: (key) => settings.duration(key).value,
    environment: () => lines,
    publicEnvironment: (own = []) => servicesEnvironment(list, own.map(fromJob), tempDir),
    files: () => filesOf(entries, tempDir),
    maskPhrases: () => maskPhrasesOf([...entries, ...ownOfServices(context, list)]),
    warnings: [
      ...new Set([
        ...warningsAboutSettings(context, { get, settings }),
        ...featureFlags.warnings,
        ...skippedWarning(
          'not passed to the job (name or value cannot be in an environment)',
          skipped,
        ),
        ...skippedWarning('not expanded (all together would be too long)', tooLong),
      ]),
    ],
    projectDir,
    tempDir,
    projectDirFault,
    featureFlags,
  };
}

/**
 * Composes and expands all variables, again with the expanded name of the job's image if it has
 * references. Source: gitlab-runner `common/build.go` (expandContainerOptions).
 */
function expandComposed(composition: Composition, flags: FeatureFlags): Expansion {
  const { context, directories, imageName } = composition;
  const composed = composeVariables(composition, flags);
  const expansion = expandAll(composed, listVariables(composed, directories.tempDir));
  const { name } = context.job.image;
  if (imageName !== undefined || !name.includes('$')) return expansion;
  const list = listVariables(expansion.entries, directories.tempDir);
  return expandComposed({ ...composition, imageName: list.expand(name) ?? name }, flags);
}

function warningsAboutSettings(
  context: BuildContext,
  reading: Pick<SettingsInput, 'get' | 'settings'>,
): readonly string[] {
  return settingsWarnings({
    ...reading,
    defaultGitStrategy: context.job.allow_git_fetch ? 'fetch' : 'clone',
    defaultDepth: context.job.git_info.depth,
    jobTimeoutMs: jobTimeoutSeconds(context) * 1000,
  });
}

interface Decisions {
  readonly featureFlags: FeatureFlags;
  readonly project: ProjectDir;
}

/**
 * Decides the settings that determine the list of variables, which are read from a first, smaller
 * list.
 */
function decide(context: BuildContext, jobStatus: JobStatus): Decisions {
  const { runner, job } = context;
  const directories = { projectDir: '', tempDir: '.tmp' };
  const entries = composeForSettings({ context, directories, jobStatus }, FEATURE_FLAGS);
  const list = listVariables(entries, directories.tempDir);
  const valueOf = (key: string): string | undefined => {
    const entry = list.last(key);
    return entry === undefined || entry.isRaw ? entry?.value : list.expand(entry.value);
  };
  const volumes = runner.docker.volumes.map((volume) => list.expand(volume) ?? volume);
  return {
    featureFlags: resolveFeatureFlags(runner.featureFlags, valueOf),
    project: planProjectDir({
      buildsDir: runner.buildsDir,
      isShared: isSharedBuildsDir(runner.buildsDir, volumes),
      repoUrl: job.git_info.repo_url,
      projectId: job.job_info.project_id,
      shortToken: shortToken(runner.token),
      concurrentProjectId: context.concurrentProjectId,
      clonePath: valueOf('GIT_CLONE_PATH') ?? '',
      isClonePathForbidden: runner.isClonePathForbidden,
      gitStrategy: valueOf('GIT_STRATEGY') ?? '',
    }),
  };
}

/**
 * Returns the services' own variables. GitLab does not mark these as masked today. If it ever does,
 * they are masked too.
 */
function ownOfServices({ job }: BuildContext, list: VariableList): readonly Variable[] {
  const own = job.services.flatMap(({ variables }) => variables).filter(({ masked }) => masked);
  return expandAll(own.map(fromJob), list).entries;
}
