import type { Variables } from '../variables/variables.ts';
import type { GitSettings } from './git-settings.ts';
import { quote } from './quote.ts';

/** Lock files of a git that was killed. Each would stop the next git. */
const LOCKS = ['index.lock', 'shallow.lock', 'HEAD.lock', 'config.lock'];

/**
 * Files that make git run programs or read more configuration. gitlab-runner removes the first two.
 * The others have the same effect: `commondir`, for example, names a directory whose config and
 * hooks git uses.
 */
const POWERS = ['config', 'hooks', 'config.worktree', 'commondir'];

/**
 * Script lines that remove from a checkout whatever an earlier job may have planted there. No git
 * command runs before them. Source: gitlab-runner `shells/abstract.go` (writeGitCleanup).
 */
export function resetGit(variables: Variables, settings: GitSettings): readonly string[] {
  const gitDir = quote(`${variables.projectDir}/.git`);
  const names = settings.cleansConfig ? [...LOCKS, ...POWERS] : [...LOCKS, 'hooks/post-checkout'];
  const paths = names.map((name) => `${gitDir}/${name}`);
  return [
    // A file or link in its place would make git work in a directory that the job chose.
    `if [ -L ${gitDir} ] || [ -f ${gitDir} ]; then rm -rf ${gitDir}; fi`,
    `if [ -d ${gitDir} ]; then`,
    `  rm -rf ${paths.join(' ')}`,
    `  if [ -d ${gitDir}/refs ]; then find ${gitDir}/refs -name '*.lock' -type f -exec rm -f {} +; fi`,
    'fi',
    ...(settings.submodules === 'none' ? [] : resetModules(gitDir, settings)),
  ];
}

/** Recognises a git directory: git accepts none without a HEAD, which may be a dangling link. */
const IS_IN_GIT_DIR = `sh -c '[ -L "$1/../HEAD" ] || { [ -e "$1/../HEAD" ] && [ ! -d "$1/../HEAD" ]; }' sh {} \\;`;

/**
 * Does the same as {@link resetGit} for submodules, which git keeps in the repository's own
 * directory. A submodule may itself be named like one of these files, so directories with these
 * names are checked.
 */
function resetModules(gitDir: string, { cleansConfig }: GitSettings): readonly string[] {
  const wanted = cleansConfig ? [...LOCKS, ...POWERS] : [...LOCKS, 'post-checkout'];
  const names = wanted.map((name) => `-name ${name}`).join(' -o ');
  return [
    `if [ -d ${gitDir}/modules ]; then`,
    // What a link leads to is not searched, and git would use it.
    `  find ${gitDir}/modules -type l -exec test -d {} \\; -exec rm -f {} +`,
    `  find ${gitDir}/modules -depth \\( ${names} \\) \\( ! -type d -o -exec ${IS_IN_GIT_DIR} \\) -exec rm -rf {} +`,
    'fi',
  ];
}

/**
 * Script lines that remove the `.git` of each submodule. They run in the top directory of a
 * repository before git enters its submodules; a planted `.git` would lead git elsewhere. Other
 * repositories in the checkout stay, except when git quotes the name of a submodule: then every
 * nested `.git` is removed.
 */
export function unlinkSubmodules(): readonly string[] {
  return forEachSubmodule([UNLINK]);
}

/**
 * Script lines that also write the `.git` of each submodule anew, and reset its files to its own
 * commit. Git would create the `.git` too, but it would throw the submodule's index away and so
 * write all files again. A submodule that git cannot reset stays unlinked.
 *
 * The reset belongs to it: an index that a job has left may hide a nested submodule, and git would
 * enter that one after a later reset. So these lines run in a repository only after its own reset.
 */
export function linkSubmodules(): readonly string[] {
  return [
    '_runner_git=.git',
    "if [ -f .git ]; then _runner_git=$(sed -n 's/^gitdir: //p' .git); fi",
    ...forEachSubmodule([UNLINK, ...LINK]),
  ];
}

/**
 * Script lines that remove the files of each submodule, so that git writes them anew. A submodule
 * that is behind a link only loses its `.git`.
 */
export function removeSubmodules(): readonly string[] {
  return forEachSubmodule([UNLINK, `if ${IS_IN_PLACE}; then rm -rf -- "$_runner_path"; fi`]);
}

function forEachSubmodule(lines: readonly string[]): readonly string[] {
  return [
    `git -c core.quotePath=false ls-files -s | sed -n 's/^160000 [0-9a-f]* [0-3]\t//p' | while IFS= read -r _runner_path; do`,
    '  case $_runner_path in',
    '  \\"*) find . -path ./.git -prune -o -name .git -prune -exec rm -rf {} + ;;',
    '  *) if [ ! -L "$_runner_path" ]; then',
    ...lines.map((line) => `    ${line}`),
    '  fi ;;',
    '  esac',
    'done',
  ];
}

const UNLINK = 'rm -rf -- "$_runner_path/.git"';

/** Whether the path of a submodule leads through no link. */
const IS_IN_PLACE = `[ "$(cd -P "./$_runner_path" 2>/dev/null && pwd -P)" = "$(pwd -P)/$_runner_path" ]`;

/**
 * The path is relative, as git writes it, so that a copy of the checkout is complete. Git allows no
 * name with `..` either. A submodule that is behind a link is not linked.
 */
const LINK = [
  `_runner_key=$(printf '%s\\n' "$_runner_path" | sed 's/[][\\.*^$+?(){}|]/\\\\&/g')`,
  `_runner_key=$(git config -f .gitmodules --name-only --get-regexp '^submodule[.].*[.]path$' "^$_runner_key\\$" | tail -n 1) || true`,
  '_runner_name=${_runner_key#submodule.}',
  '_runner_name=${_runner_name%.path}',
  '_runner_dir=$_runner_git/modules/$_runner_name',
  'case /$_runner_name/ in',
  '//|*/../*) ;;',
  `*) if [ -d "$_runner_dir" ] && ${IS_IN_PLACE}; then`,
  '  case $_runner_dir in',
  '  /*) ;;',
  `  *) _runner_dir=$(printf '%s\\n' "$_runner_path" | sed 's,[^/][^/]*,..,g')/$_runner_dir ;;`,
  '  esac',
  `  printf 'gitdir: %s\\n' "$_runner_dir" >"$_runner_path/.git"`,
  '  if ! (',
  '    cd "./$_runner_path" || exit',
  '    export GIT_DIR=.git',
  // `git reset` leaves a file alone that the index marks as skipped.
  `    if [ -n "$(git ls-files -t | sed -n '/^S /{p;q;}')" ]; then rm -f "$_runner_dir/index"; fi`,
  '    git reset --hard --quiet HEAD^0',
  '  ) >/dev/null 2>&1; then',
  `    ${UNLINK}`,
  '  fi',
  'fi ;;',
  'esac',
];

/** Script lines that remove a directory, whatever file modes a job has set in it. */
export function removeDirectory(path: string): readonly string[] {
  const dir = quote(path);
  return [`rm -rf ${dir} 2>/dev/null || { chmod -R u+rwX ${dir} && rm -rf ${dir}; }`];
}
