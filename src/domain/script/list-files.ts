import type { BuildContext } from '../context/context.ts';
import type { StageName } from '../context/stage.ts';
import { expandPaths, shellLookup } from '../files/expand-paths.ts';
import { pathOfBytes } from '../files/path-bytes.ts';
import { outermostPaths } from '../files/project-paths.ts';
import { planSelection } from '../files/selection.ts';
import type { JobArtifact, JobCache } from '../job/payload.ts';
import type { Variables } from '../variables/variables.ts';
import { command, quote } from './quote.ts';
import { sayWarning } from './say.ts';

/**
 * The files in which a stage's script leaves file names for the runner, as paths in the container;
 * see `parseFileList`.
 */
export interface FileLists {
  /** All paths below the roots of selections that need a listing. Absent when there are none. */
  readonly found: string;
  /** Files that git does not track. Absent when they are not wanted, or git cannot tell. */
  readonly untracked: string;
}

/**
 * Returns the paths of the lists. They are outside the checkout, so they never get into an
 * artifact.
 */
export function fileLists({ tempDir }: Variables): FileLists {
  return { found: `${tempDir}/.glr.found`, untracked: `${tempDir}/.glr.untracked` };
}

/**
 * The names in a list, relative to the project directory. A name that ends with `/` is a
 * repository.
 */
export function parseFileList(bytes: Uint8Array): readonly string[] {
  return pathOfBytes(bytes)
    .split('\0')
    .map((name) => (name.startsWith('./') ? name.slice(2) : name))
    .filter((name) => name !== '' && name !== '.');
}

type FileSource = Pick<JobArtifact | JobCache, 'paths' | 'untracked'>;

/** Whether a stage must list names in the helper before its files are chosen. */
export function needsFileLists({ context, variables }: ListingInput, stage: StageName): boolean {
  const sources = sourcesOf(context, stage);
  return sources.some(({ untracked }) => untracked) || rootsToList(sources, variables).length > 0;
}

/** The facts that a listing of files depends on. */
export interface ListingInput {
  readonly context: BuildContext;
  readonly variables: Variables;
}

/**
 * Body of `archive_cache*` and `upload_artifacts_*`, which runs in the helper and lists the files
 * from which the runner chooses. It trusts nothing that the job left: none of its variables are
 * set, and git runs in an empty repository of its own, so it reads the checkout's index but neither
 * its configuration nor its hooks. Source: gitlab-runner `commands/helpers/file_archiver.go`
 * (processUntracked), which calls git in the job's repository.
 */
export function listFilesBody(
  { context, variables }: ListingInput,
  stage: StageName,
): readonly string[] {
  const sources = sourcesOf(context, stage);
  const lists = fileLists(variables);
  const roots = rootsToList(sources, variables);
  return [
    command('mkdir', '-p', variables.tempDir),
    command('rm', '-rf', lists.found, lists.untracked),
    `if cd ${quote(variables.projectDir)} 2>/dev/null; then`,
    ...(roots.length > 0 ? listRoots(roots, lists.found) : []),
    ...(sources.some(({ untracked }) => untracked) ? listUntracked(context, variables) : []),
    'fi',
  ];
}

function sourcesOf({ job }: BuildContext, stage: StageName): readonly FileSource[] {
  switch (stage) {
    case 'archive_cache':
    case 'archive_cache_on_failure':
      return job.cache;
    case 'upload_artifacts_on_success':
    case 'upload_artifacts_on_failure':
      return job.artifacts;
    default:
      return [];
  }
}

function rootsToList(sources: readonly FileSource[], variables: Variables): readonly string[] {
  const { projectDir } = variables;
  const lookup = shellLookup(variables);
  return outermostPaths(
    sources
      .map(({ paths }) => expandPaths(paths, lookup).paths)
      .map((paths) => planSelection({ projectDir, paths, exclude: [], subject: 'artifacts' }))
      .filter(({ needsListing }) => needsListing)
      .flatMap(({ roots }) => roots),
  );
}

/**
 * Returns script lines that list the roots. Devices, sockets and pipes are never kept. Unreadable
 * directories are skipped.
 */
function listRoots(roots: readonly string[], file: string): readonly string[] {
  const words = roots.map((root) => quote(root === '' ? '.' : `./${root}`));
  return [
    `for _runner_root in ${words.join(' ')}; do`,
    '  if [ -e "$_runner_root" ] || [ -L "$_runner_root" ]; then',
    '    find "$_runner_root" ! -type b ! -type c ! -type p ! -type s -print0 2>/dev/null || true',
    '  fi',
    `done >${quote(file)}`,
  ];
}

/**
 * Returns script lines that list untracked files. An index that is not a regular file could block
 * the reader for ever.
 */
function listUntracked(context: BuildContext, variables: Variables): readonly string[] {
  const { repo_object_format: format } = context.job.git_info;
  const own = quote(`${variables.tempDir}/.glr.listing.git`);
  const { untracked } = fileLists(variables);
  const objectFormat =
    format === '' || format === 'sha1' ? '' : ` --object-format=${quote(format)}`;
  const settings = [
    'GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null',
    `GIT_DIR=${own} GIT_WORK_TREE=.`,
    'GIT_INDEX_FILE="$PWD/.git/index"',
  ].join(' ');
  const isUsable =
    '[ -d .git ] && { [ ! -e .git/index ] || { [ -f .git/index ] && [ ! -L .git/index ]; }; }';
  return [
    `rm -rf ${own}`,
    `if ! { ${isUsable}; }; then`,
    `  ${sayWarning(`untracked: ${variables.projectDir} is not a git repository`)}`,
    `elif ! { git init -q --bare --template=${objectFormat} ${own} && env ${settings} git -c core.bare=false ls-files -o -z >${quote(untracked)}; }; then`,
    `  ${sayWarning('untracked: git could not list the files')}`,
    `  rm -f ${quote(untracked)}`,
    'fi',
    `rm -rf ${own}`,
  ];
}
