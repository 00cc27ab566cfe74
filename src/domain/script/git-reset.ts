import type { Variables } from '../variables/variables.ts';
import type { GitSettings } from './git-settings.ts';
import { quote } from './quote.ts';

/** Left behind by a git that was killed; each would stop the next. */
const LOCKS = ['index.lock', 'shallow.lock', 'HEAD.lock', 'config.lock'];

/**
 * What tells git to run programs, or to look elsewhere for more of it. The peer removes the first
 * two; the others lead to the same: a repository's `commondir` names a directory whose config and
 * hooks are used.
 */
const POWERS = ['config', 'hooks', 'config.worktree', 'commondir'];

/**
 * Script lines that take from a checkout what an earlier job may have planted there. Nothing of
 * git is run before. Source: gitlab-runner `shells/abstract.go` (writeGitCleanup).
 */
export function resetGit(variables: Variables, settings: GitSettings): readonly string[] {
  const gitDir = quote(`${variables.projectDir}/.git`);
  const names = settings.cleansConfig ? [...LOCKS, ...POWERS] : [...LOCKS, 'hooks/post-checkout'];
  const paths = names.map((name) => `${gitDir}/${name}`);
  return [
    // A file or a link in its place would have git work in a directory of somebody's choice.
    `if [ -L ${gitDir} ] || [ -f ${gitDir} ]; then rm -rf ${gitDir}; fi`,
    `if [ -d ${gitDir} ]; then`,
    `  rm -rf ${paths.join(' ')}`,
    `  if [ -d ${gitDir}/refs ]; then find ${gitDir}/refs -name '*.lock' -type f -exec rm -f {} +; fi`,
    'fi',
    ...(settings.submodules === 'none' ? [] : resetModules(gitDir, settings)),
  ];
}

/** What an entry of a git directory is told by: git uses none without a HEAD, which may be a link to nowhere. */
const IS_IN_GIT_DIR = `sh -c '[ -L "$1/../HEAD" ] || { [ -e "$1/../HEAD" ] && [ ! -d "$1/../HEAD" ]; }' sh {} \\;`;

/**
 * The same for submodules that git keeps in the repository's own directory. Directories of these
 * names are also where git keeps a submodule that is named so.
 */
function resetModules(gitDir: string, { cleansConfig }: GitSettings): readonly string[] {
  const wanted = cleansConfig ? [...LOCKS, ...POWERS] : LOCKS;
  const names = wanted.map((name) => `-name ${name}`).join(' -o ');
  return [
    `if [ -d ${gitDir}/modules ]; then`,
    `  find ${gitDir}/modules -depth \\( ${names} \\) \\( ! -type d -o -exec ${IS_IN_GIT_DIR} \\) -exec rm -rf {} +`,
    'fi',
  ];
}

/**
 * Script lines, in the top directory of a repository and before git enters its submodules, that
 * remove the `.git` of each: git makes it anew, and a planted one would lead it elsewhere. Other
 * repositories that lie in the checkout stay whole, but where git puts the name of a submodule in
 * quotes: then all go.
 */
export function unlinkSubmodules(): readonly string[] {
  return [
    `git -c core.quotePath=false ls-files -s | sed -n 's/^160000 [0-9a-f]* [0-3]\t//p' | while IFS= read -r _runner_path; do`,
    '  case $_runner_path in',
    '  \\"*) find . -path ./.git -prune -o -name .git -prune -exec rm -rf {} + ;;',
    '  *) if [ ! -L "$_runner_path" ]; then rm -rf -- "$_runner_path/.git"; fi ;;',
    '  esac',
    'done',
  ];
}

/** Script lines that remove a directory, whatever modes a job gave to what is in it. */
export function removeDirectory(path: string): readonly string[] {
  const dir = quote(path);
  return [`rm -rf ${dir} 2>/dev/null || { chmod -R u+rwX ${dir} && rm -rf ${dir}; }`];
}
