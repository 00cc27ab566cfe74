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
import type { JobVariable } from '../job/payload.ts';
import { isSharedBuildsDir, planProjectDir, type ProjectDir } from '../job/project-dir.ts';
import { composeForSettings, composeVariables, jobTimeoutSeconds } from './runner-variables.ts';
import { readSettings, settingsWarnings } from './settings.ts';
import {
  expandAll,
  fromJob,
  listVariables,
  type Variable,
  type VariableList,
} from './variable-list.ts';

export type { VariableFile } from './environment.ts';

/** All variables of a build, in the order of precedence and expanded once. */
export interface Variables {
  /** Expanded value of the last variable of that name; '' when there is none. File variables give their content. */
  readonly get: (key: string) => string;
  readonly has: (key: string) => boolean;
  /** `$NAME` and `${NAME}` in `text` replaced, in one pass. File variables give their path. */
  readonly expand: (text: string) => string;
  /** Go's ParseBool; empty or absent is `fallback`, anything else too, with a warning. */
  readonly flag: (key: string, fallback: boolean) => boolean;
  /** Decimal integer; empty or absent is `fallback`, anything else too, with a warning. */
  readonly integer: (key: string, fallback: number) => number;
  /** How often a stage is tried, from a `*_ATTEMPTS` variable: 1…10, 1 unless set. */
  readonly attempts: (key: string) => number;
  /** Milliseconds of a Go duration; undefined when absent, or (with a warning) malformed or negative. */
  readonly duration: (key: string) => number | undefined;
  /** `KEY=value`, one for each name; file variables give their path. */
  readonly environment: () => readonly string[];
  /** The same for services: only what is public or set by the runner, then the service's own. */
  readonly publicEnvironment: (own?: readonly JobVariable[]) => readonly string[];
  readonly files: () => readonly VariableFile[];
  /** What the trace must not show, the longest first. */
  readonly maskPhrases: () => readonly string[];
  /** Lines for the trace about settings that could not be used. */
  readonly warnings: () => readonly string[];
  /** Absolute path of the checkout in the container. */
  readonly projectDir: string;
  /** `<projectDir>.tmp`: file variables and git's own files. */
  readonly tempDir: string;
  /** Why the build must fail as a configuration error: a GIT_CLONE_PATH that is not allowed. */
  readonly projectDirFault: string | undefined;
  readonly featureFlags: FeatureFlags;
}

/**
 * All variables of a build. Never fails, whatever the job holds: what cannot be used is told by
 * `warnings` and `projectDirFault`. Source: spec/job-payload §3, gitlab-runner `common/build.go`.
 */
export function buildVariables(
  context: BuildContext,
  { jobStatus }: { readonly jobStatus: JobStatus },
): Variables {
  const { featureFlags, project } = decide(context, jobStatus);
  const { dir: projectDir, fault: projectDirFault } = project;
  const tempDir = `${projectDir}.tmp`;
  const composed = composeVariables(
    { context, directories: { projectDir, tempDir }, jobStatus },
    featureFlags,
  );
  const { entries, tooLong } = expandAll(composed, listVariables(composed, tempDir));
  const list = listVariables(entries, tempDir);

  const get = (key: string): string => specialValue(key) ?? list.last(key)?.value ?? '';
  const isDebugForbidden = context.runner.debugTraceDisabled;
  const { warnings: settingWarnings, ...settings } = readSettings(get, { isDebugForbidden });
  const known = settingsWarnings({
    get,
    settings: { ...settings, warnings: settingWarnings },
    defaultGitStrategy: context.job.allow_git_fetch ? 'fetch' : 'clone',
    defaultDepth: context.job.git_info.depth,
    jobTimeoutMs: jobTimeoutSeconds(context) * 1000,
  });
  const { lines, skipped } = formatEnvironment(entries, tempDir);

  return {
    get,
    has: (key) => list.last(key) !== undefined,
    expand: (text) => list.expand(text) ?? text,
    ...settings,
    environment: () => lines,
    publicEnvironment: (own = []) => servicesEnvironment(list, own.map(fromJob), tempDir),
    files: () => filesOf(entries, tempDir),
    maskPhrases: () => maskPhrasesOf([...entries, ...ownOfServices(context, list)]),
    warnings: () => [
      ...new Set([
        ...known,
        ...settingWarnings(),
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

interface Decisions {
  readonly featureFlags: FeatureFlags;
  readonly project: ProjectDir;
}

/** What the list of variables itself depends on is read from a first, smaller list. */
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

/** GitLab does not mark them so today; should it, they must not show either. */
function ownOfServices({ job }: BuildContext, list: VariableList): readonly Variable[] {
  const own = job.services.flatMap(({ variables }) => variables).filter(({ masked }) => masked);
  return expandAll(own.map(fromJob), list).entries;
}
