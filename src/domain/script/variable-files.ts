import type { Variables } from '../variables/variables.ts';
import { command, quote } from './quote.ts';
import { hasUmask } from './stage-command.ts';

/**
 * Script lines that create the directory of the file variables and write each file. An existing file
 * keeps its mode and its owner, because programs such as ssh refuse a key that others can read. New
 * files are for every user, unless a feature flag keeps the usual umask. Source: gitlab-runner
 * `shells/bash.go` (Variable).
 *
 * - Only builtins of the shell see a content, and none of them runs in a subshell. A shell that
 *   reports a killed child prints the command of the child.
 * - Anything but a regular file is removed first. An earlier job may have planted a link that leads
 *   root elsewhere, or a pipe that blocks.
 * - The owner of a file that is read-only may make it writable for a moment. A file of another user
 *   is replaced.
 */
export function writeVariableFiles(variables: Variables): readonly string[] {
  const files = variables.files();
  const makeDirectory = command('mkdir', '-p', variables.tempDir);
  if (files.length === 0) return [makeDirectory];
  const keepsUmask = hasUmask(variables);
  return [
    makeDirectory,
    ...(keepsUmask ? [] : ['_runner_umask=$(umask)', 'umask 0000']),
    ...WRITE_FILE,
    ...files.map(({ path, content }) => `_runner_write ${quote(path)} ${quote(content)}`),
    ...(keepsUmask ? [] : ['umask "$_runner_umask"']),
    'unset -f _runner_write',
    'unset _runner_umask _runner_mode',
  ];
}

const WRITE_FILE = [
  '_runner_write() {',
  '  _runner_mode=',
  '  if [ -L "$1" ] || { [ -e "$1" ] && ! [ -f "$1" ]; }; then',
  '    rm -rf "$1"',
  '  elif [ -e "$1" ] && ! [ -w "$1" ]; then',
  '    if chmod u+w "$1" 2>/dev/null; then _runner_mode=u-w; else rm -f "$1"; fi',
  '  fi',
  `  printf '%s' "$2" >"$1"`,
  '  if [ -n "$_runner_mode" ]; then chmod "$_runner_mode" "$1"; fi',
  '}',
];
